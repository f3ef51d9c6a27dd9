"""Writing the world: one acknowledged publish is one change, and its stream sequence is the object's version."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from summit_core import wire
from summit_core.bus.bus import Bus
from summit_core.bus.change import Change
from summit_core.bus.publisher import Outcome, Outgoing
from summit_core.bus.streams import WORLD
from summit_core.errors import ConflictError, InternalError, SummitError
from summit_core.ids import new_id
from summit_core.model import WORLD_TYPES, WorldEvent, WorldObject, WorldType
from summit_core.observability.metrics import WORLD_EVENTS
from summit_core.observability.trace import Traces, traceparent

_readers: Final = {type_: msgspec.json.Decoder(model).decode for type_, model in WORLD_TYPES.items()}
TraceOf = Callable[[tuple[str, ...]], str | None]
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


class WorldWriter:
    """Publishes world events as ``source``."""

    def __init__(self, bus: Bus, source: str, *, written: TraceOf | None = None) -> None:
        """``written``: the trace by which the last of some objects was written, by their keys."""
        self._bus = bus
        self._source = source
        self._written = written
        self.traces = Traces()
        """Of observations: whoever takes one in that names its trace notes it here."""

    def trace_of(self, key: str, causes: tuple[str, ...]) -> str | None:
        """The trace that a write of this object belongs to: of the request being answered, else of the observations
        that it rests on, else of its own last version, else of the objects that it rests on."""
        trace = traceparent() or self.traces.of(causes)
        if trace is None and self._written is not None:
            trace = self._written((*causes, key))
        return trace

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
    ) -> Change:
        """Write the new whole object; returns the event as it stands in the stream.

        ``expected`` is the version that it replaces (0: must be new): a :class:`ConflictError` says that somebody was
        faster. ``event_id`` derived from the cause makes a repeated write after a crash harmless.
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
        )
        return (await self.put_many([put]))[0]

    async def put_many(self, puts: Iterable[Put]) -> list[Change]:
        """Write many objects in one go; in order.

        When some fail, the others are written all the same, and the error of the first is raised.
        """
        return await self._publish([(self._upsert(put), put.expected, put.event_id is not None) for put in puts])

    def _upsert(self, put: Put) -> WorldEvent:
        body = wire.encode(put.body)
        if put.type != "entities":  # those are many, and the limits of what they are made of are their own
            _require_readable(put, body)
        return WorldEvent(
            id=put.event_id or new_id(),
            type=put.type,
            key=put.key,
            op="upsert",
            source=self._source,
            at=put.at,
            causes=put.causes,
            trace=put.trace or self.trace_of(put.key, put.causes),
            organisation=put.body.organisation,
            body=msgspec.Raw(body),
        )

    async def leave(
        self,
        type_: WorldType,
        key: str,
        *,
        at: datetime,
        reason: Literal["deleted", "expired"] = "deleted",
        expected: int | None = None,
        organisation: str | None = None,
    ) -> Change:
        """The object leaves the picture; ``expected`` as for :meth:`put`, ``organisation`` is that of the object."""
        event = WorldEvent(
            id=new_id(),
            type=type_,
            key=key,
            op="delete",
            source=self._source,
            at=at,
            reason=reason,
            organisation=organisation,
        )
        return (await self._publish([(event, expected, False)]))[0]

    async def _publish(self, events: Sequence[tuple[WorldEvent, int | None, bool]]) -> list[Change]:
        """Each with the version that it replaces, and whether the same event may be written again."""
        messages = [_outgoing(event, expected, known=known) for event, expected, known in events]
        outcomes = await self._bus.publish_each(messages)
        changes, failed = [], None
        for (event, *_), message, outcome in zip(events, messages, outcomes, strict=True):
            if isinstance(outcome, ConflictError):
                outcome = await self._after_copy(message, outcome)
            if isinstance(outcome, SummitError):
                failed = failed or outcome
            else:
                WORLD_EVENTS.labels(type=event.type).inc()
                changes.append(Change(outcome, event))
        if failed:
            raise failed
        return changes

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


def _outgoing(event: WorldEvent, expected: int | None, *, known: bool = False) -> Outgoing:
    """``known``: the same event may be written again, so the broker has to recognise it.

    No message has a time to live. When the mark that an object has left ran out before the versions that it ended, the
    object would be there again; compaction lets both go together. And the broker keeps 180 bytes of memory for each
    message that has one.
    """
    headers = {EXPECTED: str(expected)} if expected is not None else None
    subject = f"world.{event.type}.{event.key}"
    return Outgoing(subject, wire.encode(event), event.id if known else None, headers)


def _require_readable(put: Put, body: bytes) -> None:
    """What nobody can read again would stop everybody who has to. Raises :class:`InternalError`."""
    try:
        _readers[put.type](body)
    except msgspec.ValidationError as error:
        raise InternalError(f"{put.type} {put.key} is not written: nobody could read it again: {error}") from error
