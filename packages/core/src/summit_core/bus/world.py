"""Writing the world: one acknowledged publish is one change, and its stream sequence is the object's version."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from summit_core import wire
from summit_core.bus.bus import Bus
from summit_core.ids import new_id
from summit_core.model import WorldEvent, WorldObject, WorldType
from summit_core.observability.metrics import WORLD_EVENTS

ENTITY_TTL: Final = "6h"
TOMBSTONE_TTL: Final = "1h"


class WorldWriter:
    """Publishes world events as ``source``."""

    def __init__(self, bus: Bus, source: str) -> None:
        self._bus = bus
        self._source = source

    async def put(
        self,
        type_: WorldType,
        key: str,
        body: WorldObject,
        *,
        at: datetime,
        causes: tuple[str, ...] = (),
        trace: str | None = None,
        expected: int | None = None,
        event_id: str | None = None,
    ) -> int:
        """Write the new whole object; returns its version.

        ``expected`` is the version that it replaces (0: must be new): a :class:`ConflictError` says that somebody was
        faster. ``event_id`` derived from the cause makes a repeated write after a crash harmless.
        """
        event = WorldEvent(
            id=event_id or new_id(),
            type=type_,
            key=key,
            op="upsert",
            source=self._source,
            at=at,
            causes=causes,
            trace=trace,
            body=msgspec.Raw(wire.encode(body)),
        )
        return await self._publish(event, ttl=ENTITY_TTL if type_ == "entities" else None, expected=expected)

    async def leave(
        self, type_: WorldType, key: str, *, at: datetime, reason: Literal["deleted", "expired"] = "deleted"
    ) -> int:
        """The object leaves the picture."""
        event = WorldEvent(id=new_id(), type=type_, key=key, op="delete", source=self._source, at=at, reason=reason)
        return await self._publish(event, ttl=TOMBSTONE_TTL, expected=None)

    async def _publish(self, event: WorldEvent, *, ttl: str | None, expected: int | None) -> int:
        headers = {"Nats-TTL": ttl} if ttl else {}
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        seq = await self._bus.publish(
            f"world.{event.type}.{event.key}", wire.encode(event), msg_id=event.id, headers=headers
        )
        WORLD_EVENTS.labels(type=event.type).inc()
        return seq
