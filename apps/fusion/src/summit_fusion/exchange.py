"""What the processes of fusion tell each other over NATS: who is at work on which cells, which tracks are near whose
border, and which are the other one's to keep.

Nothing of this is stored: it is said again every second. What must not be lost is who owns a track, which stands in the
registry (`ownership`), and what came with it, which is in a checkpoint before it is claimed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from time import monotonic
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace
from summit_core.bus import Bus
from summit_core.bus.message import Message
from summit_core.errors import UnavailableError
from summit_core.ids import new_id
from summit_core.observability.health import HealthMonitor

from summit_fusion.crossing import hear, hold, take_over, tell
from summit_fusion.named import Told
from summit_fusion.ownership import KvOwnership
from summit_fusion.settings import FusionSettings, cells_of
from summit_fusion.worker import Worker

log = structlog.get_logger(__name__)

LOOP: Final = "neighbours"
PRESENCE: Final = "fusion.shards"
SILENT_S: Final = 3.0
"""Who has not been heard for so long is not there."""
AWAY_S: Final = 60.0
"""Who has not been heard for so long does not come back: what it has shown near the border is forgotten."""
WARM_UP: Final = 5
"""Rounds after a start in which nothing that neighbours have shown before is forgotten: they have not spoken yet."""
BEHIND: Final = 200
"""Messages that wait: what neighbours say is of a later time than ours."""
MOST_WAITING: Final = 2_000
OFFERS: Final = 20
"""In one message."""
_cells_of = lru_cache(maxsize=256)(cells_of)


class Present(msgspec.Struct, frozen=True):
    """``instance``: of the process. ``cells`` as in the settings."""

    shard: str
    instance: str
    cells: str


class Said(msgspec.Struct):
    """What ``shard`` tells another one."""

    shard: str
    told: Told


class Neighbours:
    """Who else is at work. A process that was there before us and is gone is none: only who speaks now is known."""

    def __init__(self, bus: Bus, settings: FusionSettings, health: HealthMonitor) -> None:
        self._bus, self._health = bus, health
        self.every_s = settings.fusion_exchange_s
        self.me = Present(settings.fusion_shard, new_id(), settings.fusion_cells)
        self._begun = monotonic()
        self._heard: dict[str, tuple[Present, float]] = {}
        """By shard; one of our own name is another process that believes to be us."""

    async def run(self) -> None:
        """Say that we are there, and hear who else is. All that a process that tracks the whole world has to do."""
        with self.listening():
            while True:
                self.say()
                self._health.beat(LOOP)
                await asyncio.sleep(self.every_s)

    def listening(self) -> AbstractContextManager[None]:
        """Hear the others meanwhile."""
        return _subscribed(self._bus, PRESENCE, self._hear)

    def say(self) -> None:
        self._bus.connection.publish(PRESENCE, msgspec.json.encode(self.me))

    async def check(self) -> str | None:
        """Readiness: nobody else has our name or our cells."""
        mine = _cells_of(self.me.cells)
        for other in self._speaking():
            theirs = _cells_of(other.cells)
            if other.shard == self.me.shard:
                return f"another process is the shard {other.shard} as well"
            if mine is None or theirs is None:
                return f"the shard {other.shard} is at work too, and one of us has the whole world"
            if both := mine & theirs:
                return f"the shard {other.shard} has {len(both)} of our cells, one is {min(both):x}"
        return None

    def others(self) -> dict[str, frozenset[int]]:
        """The cells of every shard that is there."""
        return {one.shard: _cells_of(one.cells) or frozenset() for one in self._speaking()}

    def gone(self, shard: str) -> bool:
        """Whether a shard that was there, before or since we began, is no more to be waited for."""
        _, at = self._heard.get(shard, (None, self._begun))
        return monotonic() - at > AWAY_S

    def _speaking(self) -> list[Present]:
        return [one for one, at in self._heard.values() if monotonic() - at <= SILENT_S]

    def _hear(self, message: Message) -> None:
        try:
            other = msgspec.json.decode(message.data, type=Present)
            _cells_of(other.cells)
        except (msgspec.DecodeError, ValueError) as error:
            log.warning("a shard says what is not understood", error=str(error))
            return
        if other.instance != self.me.instance:
            self._heard[other.shard] = other, monotonic()


class Exchange:
    """Tells neighbours of our tracks, knows of theirs, and takes over what is ours to keep."""

    def __init__(
        self, bus: Bus, neighbours: Neighbours, registry: KvOwnership, worker: Worker, health: HealthMonitor
    ) -> None:
        self._bus, self._neighbours, self._registry = bus, neighbours, registry
        self._worker, self._health = worker, health
        self._arrived: deque[Message] = deque(maxlen=MOST_WAITING)
        self._rounds = 0
        self._cut = False

    async def run(self) -> None:
        """Until the connection is lost: who watched the registry has missed something then."""
        self._cut = False
        follow = asyncio.create_task(self._registry.follow())
        self._bus.connection.on_connected.add(self._back)
        try:
            told = _subscribed(self._bus, subject(self._neighbours.me.shard), self._arrived.append)
            with self._neighbours.listening(), told:
                while not self._cut and not follow.done():
                    self._neighbours.say()
                    if self._worker.begun:
                        await self._round()
                    self._health.beat(LOOP)
                    await asyncio.sleep(self._neighbours.every_s)
                raise UnavailableError("the registry of owners is followed no more; it starts again")
        finally:
            self._bus.connection.on_connected.discard(self._back)
            follow.cancel()
            await asyncio.gather(follow, return_exceptions=True)

    async def _round(self) -> None:
        self._worker.give_way()
        await self._take()
        self._rounds += 1
        scenes = list(self._worker.tracks.scenes.values())
        for scene in scenes:
            for name in filter(self._neighbours.gone, list(scene.elsewhere)):
                del scene.elsewhere[name]
            hold(scene, self._rounds <= WARM_UP or self._worker.behind > BEHIND)
        for name, cells in self._neighbours.others().items():
            for scene in scenes:
                for told in _parts(tell(scene, cells)):
                    message = msgspec.msgpack.encode(Said(self._neighbours.me.shard, told))
                    self._bus.connection.publish(subject(name), message)

    async def _take(self) -> None:
        """What neighbours have said. An offer is in a checkpoint before it is claimed, so whoever comes after us knows
        of the track that the registry calls ours."""
        new = False
        while self._arrived:
            try:
                said = msgspec.msgpack.decode(self._arrived.popleft().data, type=Said)
                scene = self._worker.tracks.scene(said.told.recording or "")
                new = bool(hear(scene, said.shard, said.told)) or new
            except (msgspec.DecodeError, ValueError) as error:
                log.warning("a shard says what is not understood", error=str(error))
        if new:
            await self._worker.keep()
        for scene in list(self._worker.tracks.scenes.values()):
            offers = list(scene.arriving.items())
            won = await asyncio.gather(
                *(self._registry.win(track, offer.handover.epoch, scene.shard.name) for track, offer in offers)
            )
            for (track, _), is_ours in zip(offers, won, strict=True):
                if not is_ours:
                    scene.arriving.pop(track, None)
            take_over(scene)

    def _back(self) -> None:
        self._cut = True


@contextmanager
def _subscribed(bus: Bus, to: str, handler: Callable[[Message], None]) -> Iterator[None]:
    sid = bus.connection.subscribe(to, handler)
    try:
        yield
    finally:
        bus.connection.unsubscribe(sid)


def subject(shard: str) -> str:
    """Where a shard is told of its neighbours' tracks."""
    return f"fusion.ghosts.{shard}"


def _parts(told: Told) -> Iterator[Told]:
    """In messages of bounded size; the first one always goes out and says which names are ours."""
    yield replace(told, ghosts=[], offers=[])
    for ghost in told.ghosts:
        yield Told(told.recording, ghosts=[ghost])
    for first in range(0, len(told.offers), OFFERS):
        yield Told(told.recording, offers=told.offers[first : first + OFFERS])
