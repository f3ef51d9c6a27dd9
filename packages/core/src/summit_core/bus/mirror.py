"""Mirror: the whole live picture in memory, in step with the world stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from summit_core.bus.bus import Bus
from summit_core.bus.change import Change
from summit_core.bus.consumer import Delivery, pull
from summit_core.bus.picture import Picture
from summit_core.bus.streams import WORLD
from summit_core.errors import UnavailableError
from summit_core.model import WORLD_TYPES, Override, WorldEvent, WorldType
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import UNREADABLE

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.03
CATCH_UP_S: Final = 0.5
_decode_event = msgspec.json.Decoder(WorldEvent).decode


class _State(msgspec.Struct):
    last_seq: int = 0


class _Info(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)


class Mirror(Picture):
    """Follows ``world.>``; reads never leave the process. Survives the broker: after a gap it catches up by sequence.

    ``ready`` is set once everything that was in the stream at start has been taken in. In a dense flow it is
    ``gather_s`` behind; where that is too long (the frames of the console), 0 follows each message, and who decides by
    the picture waits until it has :meth:`caught_up`.
    """

    def __init__(
        self,
        bus: Bus,
        health: HealthMonitor,
        *,
        types: tuple[WorldType, ...] = tuple(WORLD_TYPES),
        gather_s: float = GATHER_S,
    ) -> None:
        super().__init__(types)
        self._gather_s = gather_s
        self._bus = bus
        self._health = health
        self.on_reset: list[Callable[[], None]] = []
        """Called when the stream began anew and nothing that was known holds any more."""
        self.seq = 0
        self.ready = asyncio.Event()
        self._moved = asyncio.Event()
        health.expect("mirror")

    async def run(self) -> None:
        """Follow until an error; run it under ``supervise``."""
        async for deliveries in self._follow():
            for delivery in deliveries:
                self.seq = max(self.seq, delivery.seq)
                self._take(delivery)
                if delivery.pending == 0:
                    self.ready.set()
            self.settle(self.seq)
            self._moved.set()
            self._health.beat("mirror")

    def check_ready(self) -> None:
        """Raise :class:`UnavailableError` until the world stream has been read to its end."""
        if not self.ready.is_set():
            raise UnavailableError("still reading the world stream; try again", retry_after_s=1)

    async def caught_up(self) -> None:
        """Wait for what is in the stream now, before something is judged by the picture: ``gather_s``, or a moment.

        Where the broker does not answer, the picture is the newest there is.
        """
        with suppress(UnavailableError, TimeoutError):
            answer = await self._bus.request(f"$JS.API.STREAM.INFO.{WORLD}", b"", timeout_s=CATCH_UP_S)
            last = msgspec.json.decode(answer, type=_Info).state.last_seq
            async with asyncio.timeout(CATCH_UP_S):  # the last one may have been purged
                while self.seq < last:
                    self._moved.clear()
                    await self._moved.wait()

    def _take(self, delivery: Delivery) -> None:
        """One message that nobody can read must not stop the picture: it is counted, logged and passed over."""
        try:
            event = _decode_event(delivery.data)
            if event.type == "overrides" and event.op == "upsert":
                msgspec.json.decode(event.body, type=Override)  # every later version of its entity has to read it
        except msgspec.DecodeError as error:
            UNREADABLE.inc()
            log.warning(
                "unreadable world event, passed over", subject=delivery.subject, seq=delivery.seq, error=str(error)
            )
            return
        if event.type in self.types:
            self.apply(Change(delivery.seq, event))

    async def _follow(self) -> AsyncIterator[list[Delivery]]:
        await self._bus.settled()
        info = await self._bus.jetstream.stream_info(WORLD)
        if info.state.last_seq < self.seq:
            log.warning("the world stream was reset; starting again", had=self.seq, has=info.state.last_seq)
            self._forget()
        start, everything = self.seq + 1, set(self.types) == set(WORLD_TYPES)
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if self.seq else DeliverPolicy.LAST_PER_SUBJECT,
            opt_start_seq=start if self.seq else None,
            filter_subjects=["world.*.*"] if everything else [f"world.{type_}.*" for type_ in self.types],
            inactive_threshold=30.0,
            mem_storage=True,
        )
        consumer = await self._bus.jetstream.add_consumer(WORLD, config)
        if not consumer.num_pending:
            self.ready.set()
        async for deliveries in pull(self._bus, WORLD, str(consumer.name), batch=1000, gather_s=self._gather_s):
            yield deliveries

    def _forget(self) -> None:
        for start_again in self.on_reset:
            start_again()
        self.seq = 0
        self.forget()
