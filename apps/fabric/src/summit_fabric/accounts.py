"""Loss accounting of a source: pure functions from what came to the numbers.

``received = stored + duplicate + rejected`` holds at every moment. Sequence numbers are counted from the first:
a jump ahead is a gap, a missing number that comes late closes its part of it, and a low number that is *newer* than
everything before means that the source began to count anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict, replace
from summit_core.model import AnyObservation, DeadLetter, SourceAccount
from summit_core.model.common import Timestamp

LATE_AFTER: Final = timedelta(seconds=60)
NEW_COUNT_JUMP: Final = 1_000_000
"""A jump so far ahead is another way of counting, not a million lost messages."""
MISSING_RANGES_KEPT: Final = 64
OFFSET_FORGETS: Final = 0.02
UNKNOWN: Final = "unknown"
"""The account that is charged with what names no source."""


class Ledger(SourceAccount, frozen=True, kw_only=True):
    """The account and what is needed to go on with it: which numbers are missing (ranges, both ends included)."""

    missing: tuple[tuple[int, int], ...] = ()
    newest_at: Timestamp | None = None

    def account(self) -> SourceAccount:
        """What is shown to others."""
        mine = asdict(self)
        return SourceAccount(**{name: mine[name] for name in SourceAccount.__struct_fields__})


class Entry(Struct, frozen=True):
    """One observation that came, and whether it was new."""

    observation: AnyObservation
    new: bool


def enter(ledger: Ledger, entries: Iterable[Entry]) -> Ledger:
    """The ledger after these observations, in the order in which they came."""
    for entry in entries:
        ledger = _enter_one(ledger, entry)
    return ledger


def refuse(ledger: Ledger, letter: DeadLetter) -> Ledger:
    """The ledger after one refused input."""
    return replace(
        ledger,
        received=ledger.received + 1,
        rejected=ledger.rejected + 1,
        rejected_by=ledger.rejected_by | {letter.code: ledger.rejected_by.get(letter.code, 0) + 1},
        last_heard=_later(ledger.last_heard, letter.at),
    )


def _enter_one(ledger: Ledger, entry: Entry) -> Ledger:
    observation = entry.observation
    received_at = observation.received_at or observation.observed_at
    heard = replace(ledger, received=ledger.received + 1, last_heard=_later(ledger.last_heard, received_at))
    if not entry.new:
        return replace(heard, duplicate=heard.duplicate + 1)
    live = observation.recording is None
    counted = replace(
        heard,
        stored=heard.stored + 1,
        late=heard.late + (live and received_at - observation.observed_at > LATE_AFTER),
        clock_offset_s=_offset(heard.clock_offset_s, observation.observed_at, received_at)
        if live
        else heard.clock_offset_s,
    )
    if observation.seq is not None:
        counted = _count(counted, observation.seq, observation.observed_at)
    return replace(counted, newest_at=_later(counted.newest_at, observation.observed_at))


def _count(ledger: Ledger, seq: int, at: datetime) -> Ledger:
    last = ledger.last_seq
    if last is None:
        return replace(ledger, last_seq=seq)
    if not 0 <= seq - last <= NEW_COUNT_JUMP:
        closed = _close(ledger, seq)
        anew = closed is ledger and (ledger.newest_at is None or at > ledger.newest_at)
        return replace(ledger, last_seq=seq, missing=()) if anew else closed
    if seq <= last + 1:
        return replace(ledger, last_seq=seq)
    missing = (*ledger.missing, (last + 1, seq - 1))[-MISSING_RANGES_KEPT:]
    return replace(ledger, last_seq=seq, gaps=ledger.gaps + seq - last - 1, missing=missing)


def _close(ledger: Ledger, seq: int) -> Ledger:
    """A number that came late: it is missing no longer."""
    for index, (first, last) in enumerate(ledger.missing):
        if first <= seq <= last:
            rest = tuple(part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1])
            missing = ledger.missing[:index] + rest + ledger.missing[index + 1 :]
            return replace(ledger, gaps=ledger.gaps - 1, missing=missing)
    return ledger


def _offset(known: float | None, observed_at: datetime, received_at: datetime) -> float:
    """Source clock minus ours, seconds. The message that was underway for the shortest time tells it best, so the
    largest difference is kept, and slowly forgotten so that a drifting clock is followed."""
    seen = (observed_at - received_at).total_seconds()
    return seen if known is None or seen >= known else known + OFFSET_FORGETS * (seen - known)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one
