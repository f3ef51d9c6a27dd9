"""The world as fabric reads and writes it for people: entities as written and as shown, and overrides."""

from datetime import datetime
from typing import Literal, Protocol

import msgspec
from summit_core.bus import Change, Mirror
from summit_core.model import Entity, Override

WrittenType = Literal["entities", "overrides"]


class Writer(Protocol):
    """:class:`~summit_core.bus.WorldWriter`."""

    async def put(
        self,
        type_: WrittenType,
        key: str,
        body: Entity | Override,
        *,
        at: datetime,
        causes: tuple[str, ...] = (),
        expected: int | None = None,
    ) -> Change: ...

    async def leave(
        self,
        type_: WrittenType,
        key: str,
        *,
        at: datetime,
        reason: Literal["deleted", "expired"] = "deleted",
        expected: int | None = None,
        organisation: str | None = None,
    ) -> Change: ...


class WorldStore:
    """Each write is under the version that was read, and is read back at once."""

    def __init__(self, mirror: Mirror, writer: Writer) -> None:
        self._mirror, self._writer = mirror, writer

    def check_ready(self) -> None:
        """Raise :class:`UnavailableError` until the mirror has read the world stream to its end."""
        self._mirror.check_ready()

    def written(self) -> dict[str, Change]:
        """Every entity as its owner wrote it."""
        return self._mirror.written("entities")

    def shown(self, key: str) -> Change | None:
        """An entity as everybody sees it; None also where it is merged into another one."""
        return self._mirror.changes("entities").get(key)

    def entity(self, key: str) -> Entity | None:
        """An entity as its owner wrote it."""
        change = self.written().get(key)
        return None if change is None else msgspec.json.decode(change.event.body, type=Entity)

    def overrides(self) -> dict[str, Override]:
        return {override.id: override for override in self._mirror.all("overrides", Override)}

    def override(self, key: str) -> tuple[Override | None, int]:
        """What people have said of an entity, and the version of that (0: nothing)."""
        return self._mirror.get("overrides", key, Override) or (None, 0)

    def survivor(self, key: str) -> str:
        return self._mirror.survivor(key)

    async def put_entity(self, entity: Entity, *, at: datetime) -> None:
        """An entity that people made stays however long nobody writes it; that of an automatic does not."""
        await self._put("entities", entity.id, entity, at, entity.causes)

    async def put_override(self, override: Override, *, at: datetime) -> None:
        """Its cause is the version of the entity that the person saw."""
        seen = self.written().get(override.id)
        await self._put("overrides", override.id, override, at, (seen.event.id,) if seen else ())

    async def leave(
        self, type_: WrittenType, key: str, *, at: datetime, reason: Literal["deleted", "expired"] = "deleted"
    ) -> None:
        owner, expected = self._mirror.owner(type_, key), self._version(type_, key)
        self._mirror.apply(
            await self._writer.leave(type_, key, at=at, reason=reason, expected=expected, organisation=owner)
        )

    async def _put(
        self, type_: WrittenType, key: str, body: Entity | Override, at: datetime, causes: tuple[str, ...]
    ) -> None:
        expected = self._version(type_, key)
        self._mirror.apply(await self._writer.put(type_, key, body, at=at, causes=causes, expected=expected))

    def blank_override(self, key: str, at: datetime) -> Override:
        """Nothing said of an entity yet."""
        return Override(id=key, updated_at=at, organisation=self._mirror.owner("entities", key))

    def _version(self, type_: WrittenType, key: str) -> int | None:
        """None where there is nothing: what left may still have its last word in the stream."""
        known = self._mirror.written(type_).get(key)
        return known.seq if known else None
