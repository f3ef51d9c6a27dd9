"""Writing the world: one acknowledged publish is one change, and its stream sequence is the object's version."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from summit_core import wire
from summit_core.bus.bus import Bus
from summit_core.bus.publisher import Outcome, Outgoing
from summit_core.bus.streams import WORLD
from summit_core.errors import ConflictError, SummitError
from summit_core.ids import new_id
from summit_core.model import WorldEvent, WorldObject, WorldType
from summit_core.observability.metrics import WORLD_EVENTS

ENTITY_TTL: Final = "6h"
TOMBSTONE_TTL: Final = "1h"
TTL: Final = "Nats-TTL"
EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
COPY_OF: Final = "Summit-Copy-Of"
"""On a message that compaction has copied forward: the latest sequences that it had. The original is recorded."""


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """One new whole object to write, as :meth:`WorldWriter.put` takes it."""

    type: WorldType
    key: str
    body: WorldObject
    at: datetime
    causes: tuple[str, ...] = ()
    trace: str | None = None
    expected: int | None = None
    event_id: str | None = None
    lasting: bool = False


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
        lasting: bool = False,
    ) -> int:
        """Write the new whole object; returns its version.

        ``expected`` is the version that it replaces (0: must be new): a :class:`ConflictError` says that somebody was
        faster. ``event_id`` derived from the cause makes a repeated write after a crash harmless.
        ``lasting``: an entity that stays until it is taken out, however long nobody writes it.
        """
        put = Put(
            type=type_,
            key=key,
            body=body,
            at=at,
            causes=causes,
            trace=trace,
            expected=expected,
            event_id=event_id,
            lasting=lasting,
        )
        return (await self.put_many([put]))[0]

    async def put_many(self, puts: Iterable[Put]) -> list[int]:
        """Write many objects in one go; returns their versions, in order.

        When some fail, the others are written all the same, and the error of the first is raised.
        """
        return await self._publish([self._upsert(put) for put in puts])

    def _upsert(self, put: Put) -> Outgoing:
        event = WorldEvent(
            id=put.event_id or new_id(),
            type=put.type,
            key=put.key,
            op="upsert",
            source=self._source,
            at=put.at,
            causes=put.causes,
            trace=put.trace,
            body=msgspec.Raw(wire.encode(put.body)),
        )
        return _outgoing(event, ENTITY_TTL if put.type == "entities" and not put.lasting else None, put.expected)

    async def leave(
        self,
        type_: WorldType,
        key: str,
        *,
        at: datetime,
        reason: Literal["deleted", "expired"] = "deleted",
        expected: int | None = None,
    ) -> int:
        """The object leaves the picture; ``expected`` as for :meth:`put`."""
        event = WorldEvent(id=new_id(), type=type_, key=key, op="delete", source=self._source, at=at, reason=reason)
        return (await self._publish([_outgoing(event, TOMBSTONE_TTL, expected)]))[0]

    async def _publish(self, messages: Sequence[Outgoing]) -> list[int]:
        outcomes = await self._bus.publish_each(messages)
        versions, failed = [], None
        for message, outcome in zip(messages, outcomes, strict=True):
            if isinstance(outcome, ConflictError):
                outcome = await self._after_copy(message, outcome)
            if isinstance(outcome, SummitError):
                failed = failed or outcome
            else:
                WORLD_EVENTS.labels(type=message.subject.split(".")[1]).inc()
                versions.append(outcome)
        if failed:
            raise failed
        return versions

    async def _after_copy(self, message: Outgoing, conflict: ConflictError) -> Outcome:
        """Compaction gave the object a new version and changed nothing: that is no conflict."""
        headers = dict(message.headers or {})
        try:
            last = await self._bus.jetstream.get_last_msg(WORLD, message.subject)
        except (NatsError, JetStreamError, OSError):
            return conflict
        if headers[EXPECTED] not in (last.headers or {}).get(COPY_OF, "").split():
            return conflict
        headers[EXPECTED] = str(last.seq)
        return (await self._bus.publish_each([message._replace(headers=headers)]))[0]


def _outgoing(event: WorldEvent, ttl: str | None, expected: int | None) -> Outgoing:
    headers = {TTL: ttl} if ttl else {}
    if expected is not None:
        headers[EXPECTED] = str(expected)
    return Outgoing(f"world.{event.type}.{event.key}", wire.encode(event), event.id, headers)
