"""Keeper of the picture's assets and sensors: what they last said, and how long they have been silent.

The state is the world stream's own: at start it is read from the mirror, so a restart changes nothing.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace
from prometheus_client import Counter
from summit_core.bus import Delivery, Mirror, WorldWriter
from summit_core.clock import Clock
from summit_core.model import AnyObservation, Entity, Freshness
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import INGEST_TO_VISIBLE

from summit_fabric.entities import OWNER, absorb, aged, is_older, link_lost, substance
from summit_fabric.judge import LinkStatus
from summit_fabric.rhythm import Rhythm, freshness_after
from summit_fabric.worker import read_batches

WRITE_EVERY_S: Final = 0.2
CLOCKS_EVERY: Final = timedelta(seconds=5)
"""How often a version is written in which only the clocks are new."""
TICK_S: Final = 1.0
TIMER: Final = "fabric-freshness"
OLDER = Counter("summit_observations_out_of_order_total", "Observations older than the picture, recorded only")


@dataclass(slots=True)
class _Held:
    """An entity as it is, and as it was last written."""

    entity: Entity
    written: Entity | None = None
    received_at: datetime | None = None
    """Arrival of the newest observation that is not visible yet."""

    def must_write(self, now: datetime) -> bool:
        if self.written is None or substance(self.entity) != substance(self.written):
            return True
        return self.entity != self.written and now - self.written.updated_at >= CLOCKS_EVERY


class Keeper:
    """One instance owns the entities whose owner is ``fabric``."""

    def __init__(self, writer: WorldWriter, mirror: Mirror, clock: Clock) -> None:
        self._writer = writer
        self._mirror = mirror
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._rhythms: dict[str, Rhythm] = {}
        self._silenced: dict[str, datetime] = {}
        self._started_at = clock.now()
        self._loaded = False
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Take up the picture where the last process left it."""
        await self._mirror.ready.wait()
        if not self._loaded:
            owned = [entity for entity in self._mirror.all("entities", Entity) if entity.owner == OWNER]
            self._held = {entity.id: _Held(entity, written=entity) for entity in owned}
            self._started_at, self._loaded = self._clock.now(), True

    async def observations(self, deliveries: list[Delivery]) -> None:
        """Take in batches and write what changed. Acknowledged after the writes, so the writes are all that a crash
        can repeat; the pause gathers what comes meanwhile into one version of each entity."""
        async with self._turn:
            touched = {one.source for _, batch in read_batches(deliveries) for one in batch if self._take(one)}
            await self._write(touched)
        await asyncio.sleep(WRITE_EVERY_S)

    async def links(self, deliveries: list[Delivery]) -> None:
        """Last wills, and devices that say that they are back."""
        async with self._turn:
            touched = {source for delivery in deliveries if (source := self._take_link(delivery))}
            await self._write(touched)

    async def watch(self, health: HealthMonitor) -> None:
        """Each second: who has been silent for too long?"""
        while True:
            async with self._turn:
                await self._write(self._age(self._clock.now()))
            health.beat(TIMER)
            await asyncio.sleep(TICK_S)

    def interval_of(self, source: str) -> float | None:
        """How often a source speaks, seconds; None while that is not known."""
        rhythm = self._rhythms.get(source)
        return rhythm.learned_s if rhythm else None

    def freshness_of(self, source: str, last_heard: datetime | None) -> Freshness:
        """Of any source, also of one that is no entity."""
        held = self._held.get(source)
        if held is not None:
            return held.entity.freshness
        if last_heard is None:
            return "lost"
        return freshness_after(self._clock.now() - last_heard, self.interval_of(source))

    def _take(self, observation: AnyObservation) -> bool:
        received_at = observation.received_at or self._clock.now()
        rhythm = self._rhythms.setdefault(observation.source, Rhythm(received_at))
        rhythm.hear(received_at)
        held = self._held.get(observation.source)
        if held is not None and is_older(held.entity, observation):
            OLDER.inc()
            return False
        entity = absorb(held.entity if held else None, observation)
        if entity is None:
            return False
        silenced_at = self._silenced.get(entity.id)
        if silenced_at is not None and received_at <= silenced_at:
            entity = link_lost(entity, entity.updated_at)  # it was underway when the link was already lost
        held = self._held.setdefault(entity.id, _Held(entity))
        held.entity, held.received_at = entity, received_at
        return True

    def _take_link(self, delivery: Delivery) -> str | None:
        source = delivery.subject.split(".")[1]
        held = self._held.get(source)
        try:
            status = msgspec.json.decode(delivery.data, type=LinkStatus).status
        except (msgspec.DecodeError, RecursionError):
            return None  # the validator has made a dead letter of it
        if held is None or delivery.timestamp < held.entity.heard_at:
            return None
        if status == "offline":
            self._silenced[source] = delivery.timestamp
            held.entity = link_lost(held.entity, self._clock.now())
        else:
            self._silenced.pop(source, None)
        return source

    def _age(self, now: datetime) -> set[str]:
        """The entities to look at: those whose freshness changed, and those whose clocks wait to be written."""
        touched = set()
        for source, held in self._held.items():
            # Until we have listened for a while ourselves, a silence may be our own.
            silence = now - max(held.entity.heard_at, self._started_at)
            due = freshness_after(silence, self.interval_of(source))
            if _RANK[due] > _RANK[held.entity.freshness]:
                held.entity = aged(held.entity, due, now)
            if held.entity != held.written:
                touched.add(source)
        return touched

    async def _write(self, sources: set[str]) -> None:
        now = self._clock.now()
        due = [held for source in sources if (held := self._held.get(source)) and held.must_write(now)]
        await asyncio.gather(*(self._put(held, now) for held in due))

    async def _put(self, held: _Held, now: datetime) -> None:
        entity = held.entity = replace(held.entity, updated_at=now)
        await self._writer.put("entities", entity.id, entity, at=now, causes=entity.causes)
        held.written = entity
        if held.received_at is not None:
            INGEST_TO_VISIBLE.observe((self._clock.now() - held.received_at).total_seconds())
            held.received_at = None


_RANK: Final[dict[Freshness, int]] = {"live": 0, "stale": 1, "lost": 2, "expired": 3}
