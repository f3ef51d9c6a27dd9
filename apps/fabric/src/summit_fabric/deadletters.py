"""Dead letters in the hands of people: find them, read one, send it again, throw it away."""

import codecs
import re
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import structlog
from msgspec import Meta, Struct
from msgspec.structs import asdict
from summit_core import wire
from summit_core.bus import Bus
from summit_core.errors import ConflictError, InputError, NotFoundError
from summit_core.model import DeadLetter, OpenLetter, Principal, Replayed
from summit_core.store import Pool

from summit_fabric.accounts import UNKNOWN
from summit_fabric.claims import ORGANISATION
from summit_fabric.judge import Door
from summit_fabric.queries import Cursor, where
from summit_fabric.store import LETTER_COLUMNS

log = structlog.get_logger(__name__)

HTTP_SUBJECT: Final = "POST /v1/observations"
_TOKEN: Final = r"[^\x00-\x20.*>\x7f]+"
_producers_subject = re.compile(
    rf"observations\.{_TOKEN}(\.{_TOKEN})?|devices\.{_TOKEN}\.(telemetry|status)|tasks\.{_TOKEN}\.status"
)
"""A letter says itself where it came in, so a forged one must not lead us to write to any other subject."""
_NAMES: Final = ", ".join(LETTER_COLUMNS)


class LetterFilter(Struct, frozen=True, kw_only=True):
    """``source`` may be ``unknown``, as in the accounts: letters that name none."""

    code: str | None = None
    source: str | None = None
    door: Door | None = None
    since: datetime | None = None


class _Head(Struct):
    kind: Annotated[str, Meta(pattern=r"^[a-z0-9_\-]{1,40}$")]
    source: str | None = None


class DeadLetters:
    """A replay is judged as if the producer had sent it now; the letter stays until somebody drops it."""

    def __init__(self, pool: Pool, reads: Pool, bus: Bus) -> None:
        self._pool = pool
        self._reads = reads
        self._bus = bus

    async def page(
        self, wanted: LetterFilter, *, limit: int, after: Cursor | None
    ) -> tuple[list[DeadLetter], Cursor | None]:
        """Newest first, and where the next page starts."""
        tests = {
            "code = ${}": wanted.code,
            f"coalesce(source, '{UNKNOWN}') = ${{}}": wanted.source,
            "door = ${}": wanted.door,
            "at >= ${}": wanted.since,
        }
        condition, values = where(tests, after, time="at")
        rows = await self._reads.fetch(
            f"SELECT {_NAMES} FROM dead_letters {condition} ORDER BY at DESC, id DESC LIMIT {limit + 1}", *values
        )
        letters = [DeadLetter(**{**row, "id": str(row["id"])}) for row in rows[:limit]]
        return letters, Cursor(letters[-1].at, UUID(letters[-1].id)) if len(rows) > limit else None

    async def read(self, identifier: str) -> OpenLetter:
        """Raises :class:`NotFoundError`."""
        row = await self._reads.fetchrow(f"SELECT {_NAMES} FROM dead_letters WHERE id = $1", identifier)
        if row is None:
            raise _absent(identifier)
        return opened(DeadLetter(**{**row, "id": str(row["id"])}))

    async def replay(self, identifier: str, principal: Principal) -> Replayed:
        """Publish the original bytes again; raises :class:`ConflictError` when that cannot be done."""
        letter = await self.read(identifier)
        subject = subject_of(letter)
        seq = await self._bus.publish(
            subject, letter.payload, headers={"Summit-Door": letter.door, ORGANISATION: principal.organisation}
        )
        log.info("dead letter replayed", id=identifier, subject=subject, seq=seq, by=principal.id)
        return Replayed(identifier, subject, seq)

    async def drop(self, identifier: str, principal: Principal) -> None:
        """Raises :class:`NotFoundError`."""
        await self.read(identifier)
        await self._pool.execute("DELETE FROM dead_letters WHERE id = $1", identifier)
        log.info("dead letter dropped", id=identifier, by=principal.id)


def opened(letter: DeadLetter) -> OpenLetter:
    """The letter with its payload as text; a character that the cut went through does not spoil the rest."""
    complete = len(letter.payload) == letter.size
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(letter.payload, final=complete)
    except UnicodeDecodeError:
        text = None
    return OpenLetter(**asdict(letter), complete=complete, text=text)


def subject_of(letter: OpenLetter) -> str:
    """Where a replay is published; raises :class:`ConflictError` with the reason why it cannot be."""
    if not letter.complete:
        raise ConflictError(
            f"only {len(letter.payload)} of {letter.size} bytes were kept; ask the producer to send it again"
        )
    if letter.subject == HTTP_SUBJECT:
        return _subject_of_request(letter)
    if not _producers_subject.fullmatch(letter.subject):
        raise ConflictError(f"{letter.subject!r} is not a subject on which producers publish; drop the letter")
    return letter.subject


def _subject_of_request(letter: OpenLetter) -> str:
    try:
        head = wire.decode(letter.payload, _Head)
    except InputError as error:
        raise ConflictError(f"came by HTTP, and its kind cannot be read: {error.detail}") from None
    # The gateway charges what a device sends to that device, and only the gateway knows its key: past the gateway
    # nothing else would keep a device from writing as another source.
    if head.source != letter.source:
        raise ConflictError(
            f"source is {head.source!r}, but the letter is of {letter.source!r}, who may not write as it"
        )
    return f"observations.{head.kind}"


def _absent(identifier: str) -> NotFoundError:
    return NotFoundError(f"no dead letter {identifier} is kept")
