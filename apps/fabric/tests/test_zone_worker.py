"""Crossings over the real broker: each once, whatever dies, and whatever comes again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from nats.js.errors import NotFoundError
from summit_core import wire
from summit_core.bus import Bus, Change, Mirror, WorldWriter
from summit_core.bus.streams import WORLD
from summit_core.clock import ManualClock
from summit_core.errors import ConflictError, UnavailableError
from summit_core.geo import LocalFrame
from summit_core.model import Entity, Location, OverriddenField, Override, Presence, WorldEvent, Zone
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end
from summit_fabric.zones.worker import WATCHER, ZoneWorker
from waiting import eventually

T0 = datetime.now(UTC).replace(microsecond=0)
CENTRE = LocalFrame(39.0, -121.0)


def zone(name: str = "z1", **stated: Any) -> Zone:
    circle = {"lat": CENTRE.lat, "lon": CENTRE.lon, "radius_m": 500.0}
    base = {"id": name, "name": name, "rule": "exclusion", "circle": circle, "created_at": T0, "updated_at": T0}
    return wire.decode(wire.encode(base | stated), Zone)


def entity(name: str, east: float, second: float, **more: Any) -> Entity:
    lat, lon = CENTRE.to_geodetic(east, 0.0)
    at = T0 + timedelta(seconds=second)
    stated = {"id": name, "kind": "asset", "owner": "fabric", "observed_at": at, "heard_at": at, "updated_at": at}
    return Entity(**stated | {"location": Location(lat=lat, lon=lon)} | more)


class Dying(WorldWriter):
    """Dies at a write of its own, either just before it is stored or just after."""

    def __init__(self, bus: Bus, at: int | None, *, stored: bool) -> None:
        super().__init__(bus, "fabric")
        self._left, self._stored = at, stored

    async def put(self, *args: Any, **kwargs: Any) -> Change:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                if self._stored:
                    await super().put(*args, **kwargs)
                raise UnavailableError("killed")
        return await super().put(*args, **kwargs)


@dataclass
class World:
    bus: Bus
    clock: ManualClock = field(default_factory=lambda: ManualClock(T0))

    def __post_init__(self) -> None:
        self.writer = WorldWriter(self.bus, "test")

    async def put(self, *objects: Entity | Zone | Override) -> None:
        types = {Entity: "entities", Zone: "zones", Override: "overrides"}
        for one in objects:
            await self.writer.put(types[type(one)], one.id, one, at=one.updated_at)  # type: ignore[arg-type]  # by table

    async def live(self, writer: WorldWriter | None = None) -> None:
        """One life of the process: until it has judged everything, or dies."""
        health = HealthMonitor()
        mirror = Mirror(self.bus, health)
        worker = ZoneWorker(self.bus, mirror, writer or self.writer, self.clock, health)
        loops = [asyncio.create_task(run()) for run in (mirror.run, worker.run, worker.keep_time)]

        async def ended() -> bool:
            return loops[1].done() or await self.is_done()

        try:
            await eventually(ended, within_s=60)
            if loops[1].done():
                loops[1].result()
        finally:
            await end(*loops)

    async def is_done(self) -> bool:
        try:
            info = await self.bus.jetstream.consumer_info(WORLD, WATCHER)
        except NotFoundError:
            return False
        return not info.num_pending and not info.num_ack_pending

    async def crossings(self) -> list[Presence]:
        """All that ever stood in the stream."""
        info = await self.bus.jetstream.stream_info(WORLD)
        found = []
        for seq in range(1, info.state.last_seq + 1):
            message = await self.bus.jetstream.get_msg(WORLD, seq, direct=True)
            if (message.subject or "").startswith("world.presences."):
                event = msgspec.json.decode(message.data or b"", type=WorldEvent)
                if event.op == "upsert":
                    found.append(msgspec.json.decode(event.body, type=Presence))
        return found

    async def said(self) -> list[tuple[str, str, str | None]]:
        return [(one.entity, one.event, one.reason) for one in await self.crossings()]


@pytest.fixture
async def world(nats_url: str) -> AsyncIterator[World]:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    yield World(bus)
    await bus.close()


def walks(times: int) -> list[Entity]:
    """Two entities that go in and out, one after the other."""
    path = [900.0, 300.0, 0.0, -300.0, -900.0]
    return [
        entity(name, east, 10 * turn + step) for turn in range(times) for step, east in enumerate(path) for name in "ab"
    ]


@pytest.mark.parametrize("stored", [False, True])
async def test_whatever_write_it_dies_at_each_crossing_is_there_once(world: World, stored: bool) -> None:
    await world.put(zone(dwell_s=1.5), *walks(4))
    deaths = 0
    for life in range(60):
        try:
            await world.live(Dying(world.bus, life % 3, stored=stored))
        except UnavailableError:
            deaths += 1
            continue
        break
    assert deaths >= 8
    once = [(name, event, None) for event in ("enter", "dwell", "exit") for name in "ab"]
    assert sorted(await world.said()) == sorted(once * 4)
    for name in "ab":
        mine = [one for one in await world.crossings() if one.entity == name]
        assert [one.event for one in mine] == ["enter", "dwell", "exit"] * 4
        assert [one.at for one in mine] == sorted(one.at for one in mine)
        assert len({one.at for one in mine}) == 12


async def test_what_happened_while_it_was_down_is_judged_in_order(world: World) -> None:
    await world.put(zone(), entity("a", 900.0, 0))
    await world.live()
    await world.put(*walks(2), zone("z2", rule="inclusion"), entity("a", 0.0, 100))
    await world.live()
    mine = [(one.zone, one.event) for one in await world.crossings() if one.entity == "a"]
    assert mine[:4] == [("z1", "enter"), ("z1", "exit")] * 2
    assert sorted(mine[4:]) == [("z1", "enter"), ("z2", "enter")]


async def test_a_message_that_is_redelivered_long_after_says_nothing_again(world: World) -> None:
    await world.put(zone(), *walks(3))
    await world.live()
    before = await world.said()
    assert len(before) == 12
    await world.bus.jetstream.delete_consumer(WORLD, WATCHER)  # the whole stream comes again
    await world.live()
    assert await world.said() == before


async def test_who_leaves_the_picture_leaves_the_zone_and_its_presence_goes(world: World) -> None:
    await world.put(zone(), entity("a", 0.0, 1), entity("b", 0.0, 1))
    await world.live()
    await world.writer.leave("entities", "a", at=T0, reason="expired")
    await world.put(entity("b", 0.0, 2, freshness="lost"), entity("b", 0.0, 3, freshness="expired"))
    await world.put(entity("b", 0.0, 4), entity("a", 0.0, 4))
    await world.live()
    assert await world.said() == [
        *[("a", "enter", None), ("b", "enter", None), ("a", "exit", "gone")],
        *[("b", "exit", "gone"), ("b", "enter", None), ("a", "enter", None)],
    ]
    await world.writer.leave("zones", "z1", at=T0)
    await world.live()
    assert sorted((await world.said())[6:]) == [("a", "exit", "removed"), ("b", "exit", "removed")]
    mirror = Mirror(world.bus, HealthMonitor())
    following = asyncio.create_task(mirror.run())
    await mirror.ready.wait()
    await end(following)
    assert not mirror.changes("presences")


async def test_a_presence_of_another_process_is_taken_over(world: World) -> None:
    await world.put(zone(), entity("a", 0.0, 1))
    await world.live()
    (entered,) = await world.crossings()
    await world.put(entity("a", 900.0, 2))
    health = HealthMonitor()
    mirror = Mirror(world.bus, health)
    worker = ZoneWorker(world.bus, mirror, world.writer, world.clock, health)
    following = asyncio.create_task(mirror.run())
    await mirror.ready.wait()
    left = msgspec.structs.replace(entered, state="outside", event="exit", judged=entered.judged + 2)
    await worker._take_up()  # and only now the other one writes
    await world.writer.put("presences", left.id, left, at=T0)
    await end(following)
    with pytest.raises(ConflictError, match="another process"):
        await worker.run()
    await world.live()
    assert await world.said() == [("a", "enter", None), ("a", "exit", None)]


async def test_a_schedule_turns_when_nobody_moves(world: World) -> None:
    opens = T0 + timedelta(hours=1)
    await world.put(zone(schedule=[{"start": opens, "end": opens + timedelta(hours=1)}]), entity("a", 0.0, 1))
    await world.live()
    assert not await world.said()
    health = HealthMonitor()
    mirror = Mirror(world.bus, health)
    worker = ZoneWorker(world.bus, mirror, world.writer, world.clock, health)
    loops = [asyncio.create_task(run()) for run in (mirror.run, worker.run, worker.keep_time)]

    async def is_said(count: int) -> bool:
        return len(await world.said()) == count

    async def waits_for_the_edge() -> bool:
        return worker.watch is not None and worker.watch.next_edge == opens

    await eventually(waits_for_the_edge)
    world.clock.advance(3700)
    await eventually(lambda: is_said(1))
    world.clock.advance(3700)
    await eventually(lambda: is_said(2))
    await end(*loops)
    began, ended = await world.crossings()
    assert (began.reason, began.at, ended.reason, ended.at) == ("began", opens, "ended", opens + timedelta(hours=1))


async def test_an_operator_says_where_it_is(world: World) -> None:
    await world.put(zone(), entity("a", 900.0, 1))
    await world.live()
    said = OverriddenField(value={"lat": CENTRE.lat, "lon": CENTRE.lon}, by="o", at=T0)
    await world.put(Override(id="a", updated_at=T0, fields={"location": said}))
    await world.live()
    await world.put(entity("a", 900.0, 2))
    await world.live()
    assert await world.said() == [("a", "enter", None)]
    await world.writer.leave("overrides", "a", at=T0)
    await world.live()
    assert await world.said() == [("a", "enter", None), ("a", "exit", None)]


async def test_a_presence_that_was_stored_again_is_the_same(world: World) -> None:
    """The stream is kept small by storing old messages anew: a presence gets another version, and nobody crosses."""
    await world.put(zone(), entity("a", 0.0, 1))
    await world.live()
    (entered,) = await world.crossings()
    stored = await world.bus.jetstream.get_last_msg(WORLD, f"world.presences.{entered.id}", direct=True)
    health = HealthMonitor()
    mirror = Mirror(world.bus, health)
    worker = ZoneWorker(world.bus, mirror, world.writer, world.clock, health)
    loops = [asyncio.create_task(run()) for run in (mirror.run, worker.run)]

    async def is_up() -> bool:
        return worker.watch is not None

    await eventually(is_up)
    await world.bus.publish(stored.subject or "", stored.data or b"")
    await world.put(entity("a", 900.0, 2))

    async def has_left() -> bool:
        return [one.event for one in await world.crossings()] == ["enter", "enter", "exit"]

    await eventually(has_left)
    await end(*loops)
    assert (await world.crossings())[0] == (await world.crossings())[1] == entered
