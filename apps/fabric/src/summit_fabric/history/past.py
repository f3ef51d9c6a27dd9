"""What of the past can be asked, whether it was recorded here or imported, and how a moment is written."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace
from summit_core.bus import Change
from summit_core.errors import InputError
from summit_core.http.parameters import within
from summit_core.model import WorldEvent, WorldType

from summit_fabric.history.version import Version
from summit_fabric.sight import reaches

BEGINNING: Final = datetime(1990, 1, 1, tzinfo=UTC)


class Moment(NamedTuple):
    """What was stored up to ``at`` and up to the world sequence ``seq`` was known."""

    at: datetime
    seq: int


class Seen(NamedTuple):
    """One object as it was last stored before a moment; without body it had left."""

    key: str
    stored_at: datetime
    seq: int
    body: str | None

    def sighted(self, type_: WorldType) -> "Seen":
        """For whom this task works: as if it had left where it is outside of his areas."""
        return self if reaches(type_, self.body) else self._replace(body=None)

    def change(self, type_: WorldType) -> Change:
        """As the pure functions of the picture take it. Who wrote it and why is not part of what is shown."""
        event = WorldEvent(
            id="",
            type=type_,
            key=self.key,
            op="delete" if self.body is None else "upsert",
            source="",
            at=self.stored_at,
            body=msgspec.Raw((self.body or "null").encode()),
        )
        return Change(self.seq, event)


def sighted(version: Version) -> Version:
    """As :meth:`Seen.sighted`."""
    return version if reaches(version.type, version.body) else replace(version, body=None)


class Observed(NamedTuple):
    """A stored observation; ``t`` is when it was observed."""

    t: datetime
    id: UUID
    body: bytes


FIRST_ID: Final = UUID(int=0)


class Past(Protocol):
    """Versions are ordered by ``(stored_at, seq)``."""

    async def latest(self, *, at: datetime | None = None, seq: int | None = None) -> Moment:
        """The last thing that was stored up to a time or a sequence; ``BEGINNING`` and 0 when there is none."""
        ...

    def objects(
        self, type_: WorldType, moment: Moment, *, after: str = "", chunk: int = 5000, left: bool = False
    ) -> AsyncGenerator[list[Seen], None]:
        """The objects of a moment behind ``after`` in the order of their keys, with ``left`` also what had left."""
        ...

    async def one(self, type_: WorldType, key: str, moment: Moment) -> Seen | None: ...

    async def keys(self, type_: WorldType, since: datetime, until: datetime, *, after: str, limit: int) -> list[str]:
        """At least the objects that have a version in since <= stored_at < until, in order."""
        ...

    async def versions(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, after: Moment, limit: int
    ) -> list[Version]:
        """Those of one object in since <= stored_at < until, behind ``after``."""
        ...

    async def sampled(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, every_s: float
    ) -> list[Version]:
        """The first version of each step of ``every_s`` seconds."""
        ...

    async def observations(
        self, since: datetime, until: datetime, *, after: tuple[datetime, UUID], cells: list[int] | None, limit: int
    ) -> list[Observed]:
        """Those in since <= t < until behind ``after``; with ``cells`` at least those in these H3 cells."""
        ...


def read_as_of(text: str) -> datetime | int:
    """A time (RFC 3339) or a world sequence."""
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in an address means a space
        if at.tzinfo is None:
            raise ValueError
        return within(at)
    except ValueError:
        detail = "as_of: send a time with its zone, such as 2026-08-01T12:00:00Z, or a world sequence"
        raise InputError(detail, field="as_of") from None
