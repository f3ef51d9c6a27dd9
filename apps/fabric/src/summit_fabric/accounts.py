"""Loss accounting of a source: pure functions from what came to the numbers.

``received = stored + duplicate + rejected`` holds at every moment. Sequence numbers are counted from the first:
a jump ahead is a gap, a missing number that comes late closes its part of it, and a low number that is *newer* than
everything before means that the source began to count anew.
"""

from collections.abc import Sequence
from datetime import datetime
from math import exp
from typing import Final

from msgspec.structs import asdict, replace
from summit_core.model import AnyObservation, DeadLetter, SourceAccount
from summit_core.model.common import Timestamp

from summit_fabric.rhythm import GAPS_KEPT, SHORTEST_INTERVAL_S, learned_interval_s

LATE_AFTER_S: Final = 60.0
NEW_COUNT_JUMP: Final = 1_000_000
"""A jump so far ahead is another way of counting, not a million lost messages."""
MISSING_RANGES_KEPT: Final = 64
OFFSET_FORGETS: Final = 0.02
RATE_FORGETS_S: Final = 30.0
"""The rate is a mean over the past in which what lies so many seconds back weighs 1/e."""
UNKNOWN: Final = "unknown"
"""The account that is charged with what names no source."""

Range = tuple[int, int]


class Ledger(SourceAccount, frozen=True, kw_only=True, omit_defaults=True):
    """The account and what is needed to go on with it: which numbers are missing (ranges, both ends included), and
    the latest times between its bursts, seconds, counted from ``burst_at``."""

    missing: tuple[Range, ...] = ()
    newest_at: Timestamp | None = None
    burst_at: Timestamp | None = None
    gaps_s: tuple[float, ...] = ()

    @property
    def learned_interval_s(self) -> float | None:
        """How often it speaks, seconds; None while too little was heard."""
        return learned_interval_s(self.gaps_s)

    def rate_at(self, now: datetime) -> float:
        """Observations a second, fading since it was last heard."""
        if self.last_heard is None:
            return 0.0
        return self.rate * exp(-max(0.0, (now - self.last_heard).total_seconds()) / RATE_FORGETS_S)

    def account(self) -> SourceAccount:
        """What is shown to others."""
        mine = asdict(self)
        return SourceAccount(**{name: mine[name] for name in SourceAccount.__struct_fields__})


def enter(ledger: Ledger, observations: Sequence[AnyObservation], new: Sequence[bool] | None = None) -> Ledger:
    """The ledger after these observations of its source, in the order in which they came.

    ``new`` says of each whether it was stored now; else it was stored before. One pass with plain variables: this is
    done for every observation.
    """
    duplicate, late, rate = 0, ledger.late, ledger.rate
    heard, burst, newest, offset = ledger.last_heard, ledger.burst_at, ledger.newest_at, ledger.clock_offset_s
    gaps_s = ledger.gaps_s
    count = _Count(ledger)
    for index, one in enumerate(observations):
        at = one.observed_at
        received = one.received_at or at
        if heard is None or received > heard:
            if heard is not None:
                rate *= exp((heard - received).total_seconds() / RATE_FORGETS_S)
            heard = received
        rate += 1.0 / RATE_FORGETS_S
        if burst is None or (since := (received - burst).total_seconds()) >= SHORTEST_INTERVAL_S:
            if burst is not None:
                gaps_s = (*gaps_s[1 - GAPS_KEPT :], round(since, 3))
            burst = received
        if new is not None and not new[index]:
            duplicate += 1
            continue
        if one.recording is None:
            ahead = (at - received).total_seconds()
            late += ahead < -LATE_AFTER_S
            offset = ahead if offset is None or ahead >= offset else offset + OFFSET_FORGETS * (ahead - offset)
        if one.seq is not None:
            count.take(one.seq, newest is None or at > newest)
        if newest is None or at > newest:
            newest = at
    return replace(
        ledger,
        organisation=observations[-1].organisation if observations else ledger.organisation,
        received=ledger.received + len(observations),
        stored=ledger.stored + len(observations) - duplicate,
        duplicate=ledger.duplicate + duplicate,
        late=late,
        rate=rate,
        last_heard=heard,
        burst_at=burst,
        gaps_s=gaps_s,
        newest_at=newest,
        clock_offset_s=offset,
        last_seq=count.last,
        gaps=count.gaps,
        missing=count.missing,
    )


def refuse(ledger: Ledger, letter: DeadLetter) -> Ledger:
    """The ledger after one refused input."""
    heard = ledger.last_heard
    return replace(
        ledger,
        organisation=letter.organisation,
        received=ledger.received + 1,
        rejected=ledger.rejected + 1,
        rejected_by=ledger.rejected_by | {letter.code: ledger.rejected_by.get(letter.code, 0) + 1},
        rate=ledger.rate_at(letter.at) + 1.0 / RATE_FORGETS_S,
        last_heard=letter.at if heard is None or letter.at > heard else heard,
    )


class _Count:
    """Sequence numbers: the last one, how many are missing, and which."""

    __slots__ = ("gaps", "last", "missing")

    def __init__(self, ledger: Ledger) -> None:
        self.last, self.gaps, self.missing = ledger.last_seq, ledger.gaps, ledger.missing

    def take(self, seq: int, newer: bool) -> None:
        """``newer``: observed later than everything before."""
        last = self.last
        if last is None or last <= seq <= last + 1:
            self.last = seq
        elif last < seq <= last + NEW_COUNT_JUMP:
            self.missing = (*self.missing, (last + 1, seq - 1))[-MISSING_RANGES_KEPT:]
            self.gaps += seq - last - 1
            self.last = seq
        elif not self._close(seq) and newer:
            self.last, self.missing = seq, ()

    def _close(self, seq: int) -> bool:
        """A number that came late: it is missing no longer."""
        for index, (first, last) in enumerate(self.missing):
            if first <= seq <= last:
                rest = tuple(part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1])
                self.missing = self.missing[:index] + rest + self.missing[index + 1 :]
                self.gaps -= 1
                return True
        return False
