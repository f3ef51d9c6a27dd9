"""Fusion as several processes on a real broker: what crosses their border stays one thing, whoever is killed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import msgspec
import numpy as np
import pytest
from summit_core import wire
from summit_core.bus import Bus, Mirror
from summit_core.bus.change import Change
from summit_core.bus.subjects import partition, validated
from summit_core.ids import new_id
from summit_core.model import AnyObservation, Entity, Position
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from summit_fusion.app import subjects
from summit_fusion.crossing import hear, heed, take_over, tell
from summit_fusion.exchange import Neighbours
from summit_fusion.named import Area, SceneState
from summit_fusion.scene import Scene
from summit_fusion.settings import FusionSettings, cells_of
from summit_fusion.shards import MemoryOwnership
from summit_fusion.shards.chart import Chart
from summit_fusion.warm import warm
from waiting import eventually

SPEED_MPS = 150.0
NAMED, UNNAMED = 4, 4
PACE = 5.0
"""Seconds of the data in one of ours."""


def border() -> tuple[Chart, str, str]:
    """A chart around a place on a border of cells, and the cells west and east of it."""
    lat, lon = 45.0, 5.0
    here = h3.latlng_to_cell(lat, lon, 4)
    while h3.latlng_to_cell(lat, lon, 4) == here:
        lon += 0.002
    disk = h3.grid_disk(here, 2)
    west = {cell for cell in disk if h3.cell_to_latlng(cell)[1] < lon}
    names = [",".join(f"{cell:x}" for cell in half) for half in (west, set(disk) - west)]
    return Chart.at(lat, lon), names[0], names[1]


def flight(chart: Chart, step: int, start: datetime) -> list[AnyObservation]:
    """What is seen each second of targets that fly east over the border, some of which say who they are."""
    random, at = np.random.default_rng(step), start + timedelta(seconds=step)
    sent: list[AnyObservation] = []
    for k in range(NAMED + UNNAMED):
        z = np.array([[-4200.0 - 100.0 * k + SPEED_MPS * step, 900.0 * k]]) + random.normal(0, 8.0, (1, 2))
        (lat,), (lon,) = chart.places(z)
        source, identity = ("gps", f"device:{k}") if k < NAMED else ("radar", None)
        about: dict[str, Any] = {"observed_at": at, "received_at": at, "lat": float(lat), "lon": float(lon)}
        sent.append(Position(source=source, id=new_id(), identity=identity, sigma_m=8.0, **about))
    return sent


@dataclass
class Seen:
    """Everything that was published of tracks."""

    mirror: Mirror
    owners: dict[str, list[str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def take(self, change: Change) -> None:
        if change.event.type != "entities":
            return
        if change.event.op == "delete":
            self.left.append(change.event.key)
        else:
            self.owners.setdefault(change.event.key, []).append(
                msgspec.json.decode(change.event.body, type=Entity).owner
            )

    def tracks(self) -> list[Entity]:
        return [one for one in self.mirror.all("entities", Entity) if one.kind == "track"]

    def runs(self) -> dict[str, list[str]]:
        """Who has shown each of them, one after the other."""
        return {id_: [owner for owner, _ in groupby(owners)] for id_, owners in self.owners.items()}

    async def until(self, holds: Callable[[], bool]) -> None:
        await eventually(holds, within_s=30)


@asynccontextmanager
async def watched(bus: Bus) -> AsyncIterator[Seen]:
    health = HealthMonitor()
    seen = Seen(Mirror(bus, health, types=("entities",)))
    seen.mirror.listen(seen.take)
    loop = asyncio.create_task(supervise("mirror", seen.mirror.run, health))
    await seen.mirror.ready.wait()
    try:
        yield seen
    finally:
        await end(loop)


class Shards:
    """The processes of the two sides."""

    def __init__(self, make: Callable[[str], Any], patch: pytest.MonkeyPatch, cells: dict[str, str]) -> None:
        self._patch, self._cells = patch, cells
        self._processes = {name: make("summit_fusion") for name in cells}

    async def start(self, name: str) -> None:
        self._patch.setenv("SUMMIT_FUSION_SHARD", name)
        self._patch.setenv("SUMMIT_FUSION_CELLS", self._cells[name])
        await self._processes[name].start()

    async def kill(self, name: str) -> None:
        await self._processes[name].kill()


@asynccontextmanager
async def two(
    url: str, make: Callable[[str], Any], patch: pytest.MonkeyPatch, folder: Path
) -> AsyncIterator[tuple[Chart, Bus, Shards, Seen]]:
    chart, west, east = border()
    for name, value in {"CHECKPOINT_INTERVAL_S": 2, "HEARTBEAT_S": 0.2, "PUBLISH_INTERVAL_S": 0.1}.items():
        patch.setenv(f"SUMMIT_{name}", str(value))
    patch.setenv("SUMMIT_CHECKPOINT_DIR", str(folder))
    patch.setenv("SUMMIT_FUSION_EXCHANGE_S", str(1 / PACE))
    await asyncio.to_thread(warm)
    bus = await Bus.connect(url, name="test")
    await bus.ensure_streams()
    shards = Shards(make, patch, {"west": west, "east": east})
    try:
        for name in ("west", "east"):
            await shards.start(name)
        async with watched(bus) as seen:
            yield chart, bus, shards, seen
    finally:
        await bus.close()


async def fly(bus: Bus, chart: Chart, seconds: int, before: Callable[[int], Awaitable[None]] | None = None) -> datetime:
    """Returns the time of the last report. Each is in the partition of its place, as the door deals them out."""
    start = datetime.now(UTC) - timedelta(seconds=seconds)
    for step in range(seconds):
        if before is not None:
            await before(step)
        for one in flight(chart, step, start):
            assert isinstance(one, Position) and one.lat is not None and one.lon is not None
            where = partition(h3.latlng_to_cell(one.lat, one.lon, 9))
            await bus.publish(validated(where, "position"), wire.encode_batch([one]))
        await asyncio.sleep(1 / PACE)
    return start + timedelta(seconds=seconds - 1)


def all_are(seen: Seen, owner: str, last: datetime) -> bool:
    tracks = seen.tracks()
    return len(tracks) == NAMED + UNNAMED and all(one.owner == owner and one.heard_at >= last for one in tracks)


@pytest.mark.timeout(120)
async def test_what_crosses_the_border_stays_one(
    nats_url: str, service_process: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with two(nats_url, service_process, monkeypatch, tmp_path) as (chart, bus, _, seen):
        last = await fly(bus, chart, 60)
        await seen.until(lambda: all_are(seen, "east", last))
        assert len(seen.owners) == NAMED + UNNAMED
        assert seen.left == []
        assert all(owners[0] == "west" and owners[-1] == "east" for owners in seen.owners.values())
        assert {one.updates for one in seen.tracks()} == {60}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("killed", ["west", "east"])
async def test_one_is_killed_while_they_hand_over(
    killed: str,
    nats_url: str,
    service_process: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async with two(nats_url, service_process, monkeypatch, tmp_path) as (chart, bus, shards, seen):
        again: list[asyncio.Task[None]] = []

        async def disturb(_: int) -> None:
            if not again and {owners[-1] for owners in seen.owners.values()} == {"west", "east"}:
                await shards.kill(killed)
                again.append(asyncio.create_task(shards.start(killed)))

        last = await fly(bus, chart, 90, disturb)
        await asyncio.gather(*again)
        assert again
        await seen.until(lambda: all_are(seen, "east", last))
        assert len(seen.owners) == NAMED + UNNAMED
        assert seen.left == []
        assert min(one.updates for one in seen.tracks()) > 85


async def test_two_that_claim_the_same_are_told(nats_url: str) -> None:
    _, west, east = border()
    buses = [await Bus.connect(nats_url, name=f"fusion-{k}") for k in range(2)]

    def about(bus: Bus, shard: str, cells: str) -> Neighbours:
        given = FusionSettings(
            nats_url=nats_url, service_key="k" * 20, port=1, fusion_shard=shard, fusion_cells=cells,
            fusion_exchange_s=0.05,
        )  # fmt: skip
        return Neighbours(bus, given, HealthMonitor())

    for shard, cells, problem in [
        ("east", east, ""),
        ("middle", f"{east},{west.split(',')[0]}", "the shard middle has 1 of our cells"),
        ("all", "", "one of us has the whole world"),
        ("west", west, "another process is the shard west as well"),
    ]:
        other = about(buses[1], shard, cells)
        one = about(buses[0], "west", west)
        with one.listening():
            loop = asyncio.create_task(other.run())
            await eventually(lambda shard=shard, one=one: shard in one.others())
            said = await one.check()
            assert (said is None) if not problem else (said is not None and problem in said)
        await end(loop)
    for bus in buses:
        await bus.close()


def test_a_shard_takes_its_partitions_and_one_decides_hazards() -> None:
    _, west, _ = border()
    cells = cells_of(west)
    assert cells is not None
    taken = subjects("west", cells)
    for cell in cells:
        assert validated(partition(cell), "position") in taken
    assert {"validated.mixed.position", "validated.none.detection", "validated.observations"} <= set(taken)
    assert not any("bearing" in one or "hotspot" in one for one in taken)
    assert {"validated.*.bearing", "validated.*.hotspot"} <= set(subjects("fusion", cells))
    assert "validated.*.bearing" in subjects("any", None)


def test_cells_may_be_coarser_and_nonsense_is_named() -> None:
    fine = h3.latlng_to_cell(45.0, 5.0, 4)
    coarse = h3.cell_to_parent(fine, 2)
    assert cells_of(f"{fine:x}") == frozenset({fine})
    assert cells_of(f" {coarse:x}, {fine:x}") == frozenset(h3.cell_to_children(coarse, 4))
    assert cells_of("") is None
    for text in ("here", f"{h3.latlng_to_cell(45.0, 5.0, 5):x}"):
        with pytest.raises(ValueError, match="no H3 cell"):
            cells_of(text)


def walk(scene: Scene, area: Area, chart: Chart, seconds: range) -> None:
    """Someone who goes east along the border's normal, and says who he is."""
    for second in seconds:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        (lat,), (lon,) = chart.places(np.array([[-3000.0 + 100.0 * second, 0.0]]))
        about: dict[str, Any] = {"observed_at": at, "received_at": at, "lat": float(lat), "lon": float(lon)}
        one = Position(source="gps", id=f"o{second}", identity="device:a", label="Ada", sigma_m=5.0, **about)
        scene.observe([one for one in area.concerns([one]) if isinstance(one, Position)])
        scene.flush()
        scene.look()


def test_what_is_known_of_a_track_goes_with_it_through_a_crash() -> None:
    """The taker dies after it has claimed: what its checkpoint holds is enough."""
    chart, *sides = border()
    registry = MemoryOwnership()
    areas = [
        Area(name, cells_of(cells) or frozenset(), registry)
        for name, cells in zip(("west", "east"), sides, strict=True)
    ]
    west, east = (Scene(None, area) for area in areas)
    for until in range(1, 56):
        for scene, area in zip((west, east), areas, strict=True):
            walk(scene, area, chart, range(until - 1, until))
        hear(east, "west", tell(west, areas[1].cells))
        shown = [scene for scene in (west, east) if "device:a" in str(scene.tracks)]
        assert len(shown) == 1
        if east.arriving:
            break
    (offer,) = east.arriving.values()
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(east.state()), type=SceneState)
    assert registry.claim(offer.handover.id, offer.handover.epoch, east.shard.name)
    (id_,) = west.tracks
    again = Scene.restore(kept, areas[1])
    take_over(again)
    heed(west)
    assert (west.tracks, west.handed, set(again.tracks)) == ({}, {id_}, {id_})
    walk(again, areas[1], chart, range(until, until + 5))
    profile = again.tracks[id_].profile
    assert (profile.updates, profile.label, profile.identities) == (until + 5, "Ada", ["device:a"])
    assert profile.given["gps"].updates == until + 5
    with pytest.raises(ValueError, match="other cells"):
        Scene.restore(kept, areas[0])
