"""Keeper of the picture's assets and sensors: what they last said, and how long they have been silent.

The state is the world stream's own: at start it is read from the mirror, so a restart changes nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace
from prometheus_client import Counter
from summit_core.bus import Delivery, Mirror, Put, WorldWriter
from summit_core.clock import Clock
from summit_core.model import AnyObservation, Freshness
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import INGEST_TO_VISIBLE

from summit_fabric.decoded import Batch, Decoded
from summit_fabric.entities import OWNER, absorb, aged
from summit_fabric.held import Held, Wait
from summit_fabric.judge import LinkStatus
from summit_fabric.rhythm import freshness_after
from summit_fabric.worker import read_batches

WRITE_EVERY_S: Final = 0.2
"""An entity that was quiet for so long is written at once; one that speaks faster is written at this pace."""
WRITES_A_SECOND: Final = 1500
WRITES_WHEN_DENSE: Final = 600
DENSE_FROM: Final = 4000
"""Observations a second. Of all entities together so many writes: when there are more entities, each is written less
often, and less often still when the processors have the observations themselves to deal with."""
PACE_S: Final = 0.02
BEHIND_S: Final = 0.25
MANY_WAITING: Final = 5000
BEHIND_PAUSE_S: Final = 2.0
"""Once what comes is so late, or so much is waiting that it will be, and until nothing is waiting any more, to catch up
is of more use than to show each step."""
BUSY_S: Final = 0.1
"""After so long without observations there is nothing to save processors for: what waits is written."""
TICK_S: Final = 1.0
HEARD_KEPT: Final = 50_000
TIMER: Final = "fabric-freshness"
PACER: Final = "fabric-pace"
OLDER = Counter("summit_observations_out_of_order_total", "Observations older than the picture, recorded only")


class Keeper:
    """One instance owns the entities whose owner is ``fabric``. ``interval_of`` says how often a source speaks,
    seconds, where that is known."""

    def __init__(
        self,
        writer: WorldWriter,
        mirror: Mirror,
        clock: Clock,
        decoded: Decoded,
        interval_of: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self._writer = writer
        self._mirror = mirror
        self._clock = clock
        self._decoded = decoded
        self._interval_of = interval_of
        self._held: dict[str, Held] = {}
        self._heard: dict[str, datetime] = {}
        self._silenced: dict[str, datetime] = {}
        self._started_at = clock.now()
        self._loaded = False
        self._pace_s = WRITE_EVERY_S
        self._behind = False
        self._taken = 0
        self._taken_at = 0.0
        """The loop's time when observations last came."""
        self._waiting: dict[str, Held] = {}

    async def load(self) -> None:
        """Take up the picture where the last process left it."""
        await self._mirror.ready.wait()
        if not self._loaded:
            self._held = {entity.id: Held(entity, written=entity) for entity in self._mirror.owned_by(OWNER)}
            self._started_at, self._loaded = self._clock.now(), True

    async def observations(self, deliveries: list[Delivery]) -> None:
        """Take in batches, and return when what changed is written: acknowledged only then, so the writes are all that
        a crash can repeat."""
        waiting = self._decoded.waiting + deliveries[-1].pending
        await self.show(self.take([batch for _, batch in read_batches(deliveries, self._decoded)], waiting=waiting))

    def take(self, batches: Iterable[Batch], *, waiting: int) -> dict[str, Held]:
        """Take in batches; returns the entities that they touch, for :meth:`show`. ``waiting``: how many messages are
        behind them."""
        touched: dict[str, Held] = {}
        for batch in batches:
            self._taken += len(batch.observations)
            for one in batch.observations:
                held = self._take(one)
                if held is not None:
                    touched[one.source] = held
        self._behind = waiting > 0 and (self._behind or waiting > MANY_WAITING or self._is_late(touched))
        self._taken_at = asyncio.get_running_loop().time()
        return touched

    def _is_late(self, touched: Iterable[str]) -> bool:
        oldest = min((self._heard[source] for source in touched), default=None)
        return oldest is not None and (self._clock.now() - oldest).total_seconds() > BEHIND_S

    async def show(self, touched: dict[str, Held]) -> None:
        """Write what changed. Who was quiet is written at once; the others wait for :meth:`pace`, and hold up
        nobody."""
        since = asyncio.get_running_loop().time() - self._pause_s
        later = {source: held for source, held in touched.items() if held.looked_at > since}
        await self._write([held for held in touched.values() if held.looked_at <= since])
        if later:
            await self._wait_for(later)

    async def _wait_for(self, later: dict[str, Held]) -> None:
        written = asyncio.Event()
        wait = Wait(len(later), written.set)
        for held in later.values():
            held.waits.append(wait)
        self._waiting |= later
        await written.wait()

    async def pace(self, health: HealthMonitor) -> None:
        """Write those that speak faster than they are written, each when its time has come."""
        while True:
            now = asyncio.get_running_loop().time()
            busy = self._behind or now - self._taken_at < BUSY_S
            since = now - (self._pause_s if busy else WRITE_EVERY_S)
            due = {source: held for source, held in self._waiting.items() if held.looked_at <= since}
            if due:
                await self._write_waiting(due)
            health.beat(PACER)
            await asyncio.sleep(PACE_S)

    @property
    def _pause_s(self) -> float:
        """How long an entity that has just been written waits for its next time."""
        return max(self._pace_s, BEHIND_PAUSE_S) if self._behind else self._pace_s

    async def links(self, deliveries: list[Delivery]) -> None:
        """Last wills, and devices that say that they are back."""
        await self._write([held for delivery in deliveries if (held := self._take_link(delivery))])

    async def watch(self, health: HealthMonitor) -> None:
        """Each second: who has been silent for too long?"""
        while True:
            await self._write(self._age(self._clock.now()))
            health.beat(TIMER)
            await asyncio.sleep(TICK_S)

    def heard_at(self, source: str) -> datetime:
        """When a source was last heard, also while the database is away; never before we began to listen."""
        return max(self._heard.get(source, self._started_at), self._started_at)

    def spoke_at(self, source: str) -> datetime | None:
        """When an observation of a source last came, since we listen."""
        return self._heard.get(source)

    def freshness_of(self, source: str, last_heard: datetime | None) -> Freshness:
        """Of any source, also of one that is no entity."""
        held = self._held.get(source)
        if held is not None:
            return held.freshness
        if last_heard is None:
            return "lost"
        last_heard = max(last_heard, self._heard.get(source, last_heard))
        return freshness_after(self._clock.now() - last_heard, self._interval_of(source))

    def _take(self, observation: AnyObservation) -> Held | None:
        source, received_at = observation.source, observation.received_at or self._clock.now()
        self._heard[source] = received_at
        if observation.trace is not None:
            self._writer.traces.note(str(observation.id), observation.trace)
        held = self._held.get(source)
        if held is None:
            entity = absorb(None, observation)
            if entity is None:
                self._forget_some()
                return None
            held = self._held[source] = Held(entity)
            held.received_at = received_at
        elif not held.take(observation):
            OLDER.inc()
            return None
        silenced_at = self._silenced.get(source)
        if silenced_at is not None and received_at <= silenced_at:
            held.lose(held.entity.updated_at)  # it was underway when the link was already lost
        return held

    def _forget_some(self) -> None:
        while len(self._heard) > HEARD_KEPT:
            del self._heard[next(iter(self._heard))]

    def _take_link(self, delivery: Delivery) -> Held | None:
        source = delivery.subject.split(".")[1]
        held = self._held.get(source)
        try:
            status = msgspec.json.decode(delivery.data, type=LinkStatus).status
        except (ValueError, RecursionError):  # not JSON, not UTF-8, too deep
            return None  # the validator has made a dead letter of it
        if held is None or delivery.timestamp < held.heard_at:
            return None
        if status == "offline":
            self._silenced[source] = delivery.timestamp
            held.lose(self._clock.now())
        else:
            self._silenced.pop(source, None)
        return held

    def _age(self, now: datetime) -> list[Held]:
        """The entities to look at: those whose freshness changed, and those whose clocks wait to be written."""
        since = asyncio.get_running_loop().time() - max(TICK_S, 1.5 * self._pause_s)
        active = 0
        touched = []
        for source, held in self._held.items():
            active += held.looked_at > since
            # Until we have listened for a while ourselves, a silence may be our own.
            silence = now - max(held.heard_at, self._started_at)
            due = freshness_after(silence, self._interval_of(source))
            if _RANK[due] > _RANK[held.freshness]:
                held.entity = aged(held.entity, due, now)
            if held.changed and source not in self._waiting:
                touched.append(held)
        dense, self._taken = self._taken > DENSE_FROM * TICK_S, 0
        self._pace_s = max(WRITE_EVERY_S, active / (WRITES_WHEN_DENSE if dense else WRITES_A_SECOND))
        return touched

    async def _write_waiting(self, due: dict[str, Held]) -> None:
        for source in due:
            del self._waiting[source]
        written = False
        try:
            await self._write(due.values())
            written = True
        finally:
            if not written:
                self._waiting |= due

    async def _write(self, held: Iterable[Held]) -> None:
        now, looked_at = self._clock.now(), asyncio.get_running_loop().time()
        due = []
        for one in held:
            one.looked_at = looked_at
            if one.must_write(now):
                due.append(one)
            else:
                _release(one.waits)
        if due:
            await self._put(due, now)

    async def _put(self, due: list[Held], now: datetime) -> None:
        puts, received, waits = [], [], []
        for held in due:
            held.written = held.entity = entity = replace(held.entity, updated_at=now)
            puts.append(Put(type="entities", key=entity.id, body=entity, at=now, causes=entity.causes))
            received.append(held.received_at)
            waits.append(held.waits)
            held.received_at, held.waits = None, []
        done = False
        try:
            await self._writer.put_many(puts)
            done = True
        finally:
            for held, waiting in zip(due, waits, strict=True):
                if done:
                    _release(waiting)
                else:  # nobody knows: write it again
                    held.written, held.waits = None, waiting + held.waits
        visible_at = self._clock.now()
        for received_at in filter(None, received):
            INGEST_TO_VISIBLE.observe((visible_at - received_at).total_seconds())


def _release(waits: list[Wait]) -> None:
    while waits:
        waits.pop().release()


_RANK: Final[dict[Freshness, int]] = {"live": 0, "stale": 1, "lost": 2, "expired": 3}
