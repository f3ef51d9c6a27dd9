"""The loop of fusion: validated batches in, changed hazards, fires and tracks out, and everything into checkpoints."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import msgspec
import numpy as np
import structlog
from summit_core import wire
from summit_core.bus import Delivery, Mirror, Put, WorldWriter
from summit_core.clock import Clock
from summit_core.model import AnyObservation, Bearing, Detection, Entity, Hotspot, Override, Position
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import INGEST_TO_VISIBLE

from summit_fusion.checkpoint import Checkpoints
from summit_fusion.fires import Fires, Spot, is_fire
from summit_fusion.hazards import OWNER, Hazards, Relief
from summit_fusion.metrics import CHECKPOINT_BYTES, CHECKPOINT_SECONDS, REPEATED
from summit_fusion.named import Area, SceneState
from summit_fusion.scans import is_target, key_of
from summit_fusion.settings import FusionSettings
from summit_fusion.tracks import Tracks

log = structlog.get_logger(__name__)

REMEMBERED: Final = 100_000
QUIET: Final = timedelta(seconds=0.2)
"""Between two messages (by the times of the stream, so that it is the same when they come again): nothing waits longer
for its neighbours, and what comes after that does not wait at all."""
CALM: Final = timedelta(seconds=0.5)
"""By our clock: no message is underway any more that would have come within ``QUIET``."""


class Memory(msgspec.Struct):
    """What a checkpoint holds. ``stream``: when the stream was made, of which ``position`` is the last message taken
    in; ``seen``: the keys of the last observations (int64)."""

    stream: str
    position: int
    moment: datetime | None
    seen: bytes
    scenes: list[SceneState]
    hazards: bytes
    fires: dict[str, list[Spot]]


class Worker:
    """Feeds the algorithms and publishes what they changed."""

    def __init__(
        self,
        mirror: Mirror,
        writer: WorldWriter,
        clock: Clock,
        health: HealthMonitor,
        settings: FusionSettings,
        checkpoints: Checkpoints | None = None,
        area: Area | None = None,
        relief: Relief | None = None,
    ) -> None:
        self._mirror = mirror
        self._writer = writer
        self._clock = clock
        self._health = health
        self._settings = settings
        self._checkpoints = checkpoints
        self._keeping = asyncio.Lock()
        self._area = area
        self._shard = settings.fusion_shard
        self._decides_hazards = area is None or self._shard == OWNER
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._stream: str | None = None
        self._moment: datetime | None = None
        self._kept = 0
        self.position = 0
        self.behind = 0
        """Messages that waited when the last one came."""
        self._locating = asyncio.Lock()
        """Held from a bearing to the publication of what it changed, so that nothing comes between."""
        self._relief = relief
        self.hazards = Hazards(settings.hazards(), relief)
        self.fires = Fires()
        self.tracks = Tracks(heartbeat_s=settings.heartbeat_s, owner=self._shard, area=area)

    @property
    def begun(self) -> bool:
        """Whether it has its own state."""
        return self._stream is not None

    def begin(self, stream: str, last: int) -> int | None:
        """Where to go on in the stream that was made then and whose last message this is: after the returned one, or
        where the consumer is. Once the service runs, its own state is the newest."""
        if self._stream is None:
            self._restore(stream, last)
        elif self._stream != stream or self.position > last:
            log.warning("the stream of observations began anew")
            self.position = 0
        self._stream = stream
        return self.position or None

    async def handle(self, deliveries: list[Delivery]) -> None:
        """One batch of batches; located hazards are published before it is acknowledged."""
        arrived = []
        async with self._locating:
            for delivery in deliveries:
                if delivery.seq <= self.position:
                    continue
                observations = [one for one in self._concerning(delivery.data) if self._is_new(one)]
                await self._ground_of(observations)
                self._take_in(observations, delivery.moment)
                self.position = delivery.seq
                arrived += [one.received_at for one in observations if isinstance(one, Bearing) and one.received_at]
                self.behind = delivery.pending
            await self._publish_hazards()
        for received_at in arrived:
            INGEST_TO_VISIBLE.observe((self._clock.now() - received_at).total_seconds())

    async def publish_forever(self) -> None:
        """Publish what moved at a steady pace, and let go of what has ended."""
        await self._mirror.ready.wait()
        while True:
            if self._stream is not None:
                await self._publish_changes(self._clock.now())
            self._health.beat("publisher")
            await asyncio.sleep(self._settings.publish_interval_s)

    async def checkpoint_forever(self) -> None:
        """Write what is known, when there is more of it."""
        while True:
            if self.position != self._kept:
                await self.keep()
            self._health.beat("checkpoints")
            await asyncio.sleep(self._settings.checkpoint_interval_s)

    async def keep(self) -> None:
        """Write what is known now; when this returns, it survives a crash."""
        if self._checkpoints is None:
            return
        async with self._keeping:
            started, position, content = perf_counter(), self.position, self._memory()
            await asyncio.to_thread(self._checkpoints.write, content)
            self._kept = position
            CHECKPOINT_BYTES.set(len(content))
            CHECKPOINT_SECONDS.observe(perf_counter() - started)

    def give_way(self) -> None:
        """Let go of the tracks that other shards own by now."""
        if self._area is not None:
            self.tracks.give_way(self._pictured)

    def _pictured(self, id_: str) -> Entity | None:
        return self._mirror.find("entities", id_, Entity)

    def _concerning(self, batch: bytes) -> list[AnyObservation]:
        """What is near our cells. Hazards are seen across all borders, so that one shard decides them."""
        observations = wire.decode_batch(batch)
        if not self._decides_hazards:
            observations = [one for one in observations if not isinstance(one, Bearing | Hotspot)]
        return self._area.concerns(observations) if self._area else observations

    def _take_in(self, observations: Iterable[AnyObservation], moment: datetime) -> None:
        movers: list[Position | Detection] = []
        for one in observations:
            if one.trace is not None:
                self._writer.traces.note(str(one.id), one.trace)
            if isinstance(one, Bearing):
                self.hazards.observe(one)
            elif isinstance(one, Hotspot):
                self.fires.observe(one)
            elif isinstance(one, Position) or (isinstance(one, Detection) and is_target(one)):
                movers.append(one)
        quiet = self._moment is None or moment - self._moment >= QUIET
        self._moment = moment
        if quiet:
            self.tracks.flush()
        self.tracks.observe(movers)
        if quiet:
            self.tracks.flush()

    async def _ground_of(self, observations: Iterable[AnyObservation]) -> None:
        """Before a camera of a new neighbourhood is heard: what is made of a bearing depends on nothing but what came
        before it, also when it is taken in again after a crash."""
        if self._relief is None:
            return
        missing = self._relief.missing((one.lat, one.lon) for one in observations if isinstance(one, Bearing))
        if missing:
            await asyncio.to_thread(self._relief.read, missing)

    async def _publish_hazards(self) -> None:
        located = self.hazards.changed(self._clock.now())
        await self._publish(located)
        self.hazards.settle(located)

    async def _publish_changes(self, now: datetime) -> None:
        async with self._locating:
            await self._publish_hazards()
        self._heed()
        if self._moment is not None and now - self._moment >= CALM:
            self.tracks.flush()
        self.tracks.look()
        self.give_way()
        moved = self.tracks.changed(now)
        await self._publish(moved)
        self.tracks.settle(moved)
        burning = self.fires.changed(now)
        await self._publish(burning)
        self.fires.settle(burning)
        ended = self.tracks.ended(now)
        for key in (*ended, *self.fires.expire(now), *self.hazards.expire(now)):
            owner = self._mirror.owner("entities", key)  # so that nobody else learns that it has left
            await self._writer.leave("entities", key, at=now, reason="expired", organisation=owner)
        self.tracks.left(ended, now)

    def _heed(self) -> None:
        """Do what operators have said of tracks: merged, split, and kept for as long as they say anything of it."""
        said = self._mirror.all("overrides", Override)
        into = {one.id: self._mirror.survivor(one.id) for one in said if one.merge is not None}
        for gone in self.tracks.merged().keys() - into.keys():
            self.tracks.split(gone)
        for gone, survivor in into.items():
            known = self.tracks.merged().get(gone)
            if known is not None and known != survivor:
                self.tracks.split(gone)
            if known != survivor:
                self.tracks.merge(gone, survivor)
        self.tracks.pin({one.id for one in said if one.fields})

    def _is_new(self, observation: AnyObservation) -> bool:
        """An observation that is sent again must not count twice."""
        key = key_of(observation)
        if key in self._seen:
            REPEATED.inc()
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _publish(self, entities: list[Entity]) -> None:
        if entities:
            await self._writer.put_many(
                Put(type="entities", key=entity.id, body=entity, at=entity.updated_at, causes=entity.causes[-8:])
                for entity in entities
            )

    def _memory(self) -> bytes:
        return msgspec.msgpack.encode(
            Memory(
                stream=self._stream or "",
                position=self.position,
                moment=self._moment,
                seen=np.fromiter(self._seen, np.int64, len(self._seen)).tobytes(),
                scenes=self.tracks.state(),
                hazards=self.hazards.save(),
                fires=self.fires.state(),
            )
        )

    def _restore(self, stream: str, last: int) -> None:
        """From the newest checkpoint that fits the stream; else from what was published before."""
        tracks = [entity for entity in self._mirror.owned_by(self._shard) if entity.kind == "track"]
        ours = self._mirror.owned_by(OWNER) if self._decides_hazards else []
        hazards = [entity for entity in ours if entity.kind == "hazard"]
        fires = [entity for entity in hazards if is_fire(entity)]
        for content in self._checkpoints.read() if self._checkpoints else ():
            try:
                memory = msgspec.msgpack.decode(content, type=Memory)
                if memory.stream != stream or memory.position > last:
                    log.warning("checkpoint of another stream left out", position=memory.position)
                    continue
                self.tracks.restore(memory.scenes, tracks)
            except (msgspec.DecodeError, ValueError) as error:
                log.warning("checkpoint left out", reason=str(error))
                continue
            self.hazards.load(memory.hazards)
            self.fires.restore(memory.fires, fires)
            self.position = self._kept = memory.position
            self._moment = memory.moment
            self._seen = OrderedDict.fromkeys(np.frombuffer(memory.seen, np.int64).tolist())
            break
        else:
            self.tracks.restore([], tracks)
            self.fires.restore({}, fires)
        self.hazards.restore(hazards)
        log.info("restored", position=self.position, tracks=len(tracks), hazards=len(hazards))
