"""Mirror: the whole live picture in memory, in step with the world stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from summit_core.bus.bus import Bus
from summit_core.bus.consumer import Delivery, pull
from summit_core.bus.streams import WORLD
from summit_core.model import WORLD_TYPES, WorldEvent, WorldObject, WorldType
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import UNREADABLE

log = structlog.get_logger(__name__)
T = TypeVar("T", bound=WorldObject)
_decode_event = msgspec.json.Decoder(WorldEvent).decode


@dataclass(frozen=True, slots=True)
class Change:
    """One world event with the version that the stream gave it."""

    seq: int
    event: WorldEvent


Listener = Callable[[Change], None]


class Mirror:
    """Follows ``world.>``; reads never leave the process. Survives the broker: after a gap it catches up by sequence.

    ``ready`` is set once everything that was in the stream at start has been taken in.
    """

    def __init__(self, bus: Bus, health: HealthMonitor, *, types: tuple[WorldType, ...] = tuple(WORLD_TYPES)) -> None:
        self._bus = bus
        self._health = health
        self._types = types
        self._objects: dict[WorldType, dict[str, Change]] = {type_: {} for type_ in types}
        self._decoded: dict[tuple[WorldType, str], tuple[int, WorldObject]] = {}
        self._listeners: list[Listener] = []
        self.on_reset: list[Callable[[], None]] = []
        """Called when the stream began anew and nothing that was known holds any more."""
        self.seq = 0
        self.ready = asyncio.Event()
        health.expect("mirror")

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every change, in order; it must not block."""
        self._listeners.append(listener)

    def changes(self, type_: WorldType) -> dict[str, Change]:
        """The present objects of a type, as stored."""
        return self._objects[type_]

    def get(self, type_: WorldType, key: str, as_: type[T]) -> tuple[T, int] | None:
        """One object and its version."""
        change = self._objects[type_].get(key)
        if change is None:
            return None
        return self._decode(type_, key, change, as_), change.seq

    def all(self, type_: WorldType, as_: type[T]) -> list[T]:
        """Every present object of a type."""
        return [self._decode(type_, key, change, as_) for key, change in self._objects[type_].items()]

    def apply(self, change: Change) -> None:
        """Take in a change. An owner calls it after its own write, so that it reads what it wrote at once."""
        event = change.event
        objects = self._objects[event.type]
        known = objects.get(event.key)
        if known is not None and known.seq >= change.seq:
            return
        if event.op == "delete":
            objects.pop(event.key, None)
            self._decoded.pop((event.type, event.key), None)
        else:
            objects[event.key] = change
        for listener in self._listeners:
            listener(change)

    async def run(self) -> None:
        """Follow until an error; run it under ``supervise``."""
        async for deliveries in self._follow():
            for delivery in deliveries:
                self.seq = max(self.seq, delivery.seq)
                self._take(delivery)
                if delivery.pending == 0:
                    self.ready.set()
            self._health.beat("mirror")

    def _take(self, delivery: Delivery) -> None:
        """One message that nobody can read must not stop the picture: it is counted, logged and passed over."""
        try:
            event = _decode_event(delivery.data)
        except msgspec.DecodeError as error:
            UNREADABLE.inc()
            log.warning(
                "unreadable world event, passed over", subject=delivery.subject, seq=delivery.seq, error=str(error)
            )
            return
        if event.type in self._objects:
            self.apply(Change(delivery.seq, event))

    async def _follow(self) -> AsyncIterator[list[Delivery]]:
        info = await self._bus.jetstream.stream_info(WORLD)
        if info.state.last_seq < self.seq:
            log.warning("the world stream was reset; starting again", had=self.seq, has=info.state.last_seq)
            self._forget()
        start = self.seq + 1
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if self.seq else DeliverPolicy.LAST_PER_SUBJECT,
            opt_start_seq=start if self.seq else None,
            filter_subjects=[f"world.{type_}.*" for type_ in self._types],
            inactive_threshold=30.0,
            mem_storage=True,
        )
        consumer = await self._bus.jetstream.add_consumer(WORLD, config)
        if not consumer.num_pending:
            self.ready.set()
        async for deliveries in pull(self._bus, WORLD, str(consumer.name), batch=1000):
            yield deliveries

    def _forget(self) -> None:
        for start_again in self.on_reset:
            start_again()
        self.seq = 0
        self._decoded.clear()
        for objects in self._objects.values():
            objects.clear()

    def _decode(self, type_: WorldType, key: str, change: Change, as_: type[T]) -> T:
        cached = self._decoded.get((type_, key))
        if cached is None or cached[0] != change.seq:
            cached = (change.seq, msgspec.json.decode(change.event.body, type=WORLD_TYPES[type_]))
            self._decoded[type_, key] = cached
        if not isinstance(cached[1], as_):
            raise TypeError(f"{type_} holds {type(cached[1]).__name__}, not {as_.__name__}")
        return cached[1]
