"""The loop of fusion: validated batches in, changed hazards and tracks out."""

import asyncio
from collections import OrderedDict
from datetime import timedelta

import structlog
from summit_core import wire
from summit_core.bus import Delivery, Mirror, WorldWriter
from summit_core.clock import Clock
from summit_core.model import AnyObservation, Bearing, Entity, Position
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import INGEST_TO_VISIBLE

from summit_fusion.hazards import OWNER, Hazards
from summit_fusion.settings import FusionSettings
from summit_fusion.tracks import Tracks

log = structlog.get_logger(__name__)

REMEMBERED_IDS = 100_000


class Worker:
    """Feeds the algorithms and publishes what they changed."""

    def __init__(
        self, mirror: Mirror, writer: WorldWriter, clock: Clock, health: HealthMonitor, settings: FusionSettings
    ) -> None:
        self._mirror = mirror
        self._writer = writer
        self._clock = clock
        self._health = health
        self._interval_s = settings.publish_interval_s
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._restored = False
        self.hazards = Hazards(
            window=timedelta(seconds=settings.bearing_window_s), expires=timedelta(seconds=settings.hazard_expires_s)
        )
        self.tracks = Tracks()

    def restore(self) -> None:
        """Go on from what was published before a restart; once, because afterwards our own state is the newer."""
        if self._restored:
            return
        self._restored = True
        ours = self._mirror.owned_by(OWNER)
        self.hazards.restore(entity for entity in ours if entity.kind == "hazard")
        self.tracks.restore(entity for entity in ours if entity.kind == "track")
        log.info("restored", hazards=len([e for e in ours if e.kind == "hazard"]), tracks=len(ours))

    async def handle(self, deliveries: list[Delivery]) -> None:
        """One batch of batches; located hazards are published before it is acknowledged."""
        arrived = []
        for delivery in deliveries:
            for observation in wire.decode_batch(delivery.data):
                if self._is_new(observation):
                    self._observe(observation)
                    if isinstance(observation, Bearing) and observation.received_at:
                        arrived.append(observation.received_at)
        located = self.hazards.changed(self._clock.now())
        await self._publish(located)
        self.hazards.settle(located)
        for received_at in arrived:
            INGEST_TO_VISIBLE.observe((self._clock.now() - received_at).total_seconds())

    async def publish_forever(self) -> None:
        """Publish moved tracks at a steady pace, and let go of what has ended."""
        await self._mirror.ready.wait()
        while True:
            now = self._clock.now()
            moved = self.tracks.changed(now)
            await self._publish(moved)
            self.tracks.settle(moved)
            for key in (*self.tracks.ended(), *self.hazards.expire(now)):
                await self._writer.leave("entities", key, at=now, reason="expired")
            self._health.beat("publisher")
            await asyncio.sleep(self._interval_s)

    def _observe(self, observation: AnyObservation) -> None:
        if isinstance(observation, Bearing):
            self.hazards.observe(observation)
        elif isinstance(observation, Position):
            self.tracks.observe(observation)

    def _is_new(self, observation: AnyObservation) -> bool:
        """A message that comes again after a crash must not count twice."""
        key = str(observation.id)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return True

    async def _publish(self, entities: list[Entity]) -> None:
        if entities:
            await asyncio.gather(
                *(
                    self._writer.put("entities", entity.id, entity, at=entity.updated_at, causes=entity.causes[-8:])
                    for entity in entities
                )
            )
