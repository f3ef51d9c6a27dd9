"""Fusion against the real broker: bearings become one hazard, positions a track, and a restart changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from summit_core import wire
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import OBSERVATIONS, VALIDATED_SUBJECT, WORLD
from summit_core.clock import SystemClock
from summit_core.geo import destination, distance_m, initial_bearing_deg
from summit_core.ids import new_id
from summit_core.model import AnyObservation, Bearing, Entity, Hotspot, Merge, Override, Position
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from summit_fusion.checkpoint import Checkpoints
from summit_fusion.settings import FusionSettings
from summit_fusion.warm import warm
from summit_fusion.worker import Worker

FIRE = (39.8, -121.4)
CAMERAS = [destination(*FIRE, bearing, 6000.0) for bearing in (10.0, 130.0, 250.0)]


def bearing(number: int, error_deg: float = 0.0, *, at: datetime | None = None) -> Bearing:
    position, now = CAMERAS[number], datetime.now(UTC)
    return Bearing(
        source=f"cam-{number}",
        id=new_id(),
        observed_at=at or now,
        received_at=now,
        lat=position[0],
        lon=position[1],
        azimuth_deg=(initial_bearing_deg(*position, *FIRE) + error_deg) % 360,
        sigma_deg=1.0,
        class_="smoke",
    )


def aircraft(second: int, start: datetime) -> Position:
    lat, lon = destination(*FIRE, 90.0, 60.0 * second)
    at = start + timedelta(seconds=second)
    return Position(
        source="receiver",
        id=new_id(),
        observed_at=at,
        received_at=at,
        lat=lat,
        lon=lon,
        sigma_m=15.0,
        identity="icao:a1",
    )


@asynccontextmanager
async def fusion(url: str, kept: Path | None = None) -> AsyncIterator[Mirror]:
    """The worker with its loops, as app.py wires it; leaving it is a crash: nothing is said farewell."""
    health = HealthMonitor()
    bus = await Bus.connect(url, name="fusion")
    await bus.ensure_streams()
    mirror = Mirror(bus, health, types=("entities",))
    settings = FusionSettings(nats_url=url, service_key="k" * 20, port=1, publish_interval_s=0.05, heartbeat_s=0.2)
    checkpoints = Checkpoints(kept) if kept else None
    worker = Worker(mirror, WorldWriter(bus, "fusion"), SystemClock(), health, settings, checkpoints)

    async def work() -> None:
        await mirror.ready.wait()
        info = await bus.jetstream.stream_info(OBSERVATIONS)
        after = worker.begin(str(info.created), info.state.last_seq)
        await consume(bus, OBSERVATIONS, "fusion", worker.handle, health, after=after)

    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "mirror": mirror.run,
        "fusion": work,
        "publisher": worker.publish_forever,
    }
    loops = [asyncio.create_task(supervise(name, run, health)) for name, run in runs.items()]
    try:
        yield mirror
    finally:
        await end(*loops)
        await bus.close()


async def send(url: str, *observations: AnyObservation) -> None:
    bus = await Bus.connect(url, name="test")
    await bus.ensure_streams()
    await bus.publish(VALIDATED_SUBJECT, wire.encode_batch(list(observations)))
    await bus.close()


async def entity(mirror: Mirror, kind: str, fits: Callable[[Entity], bool]) -> Entity:
    async with asyncio.timeout(10):
        while True:
            for found in mirror.all("entities", Entity):
                if found.kind == kind and fits(found):
                    return found
            await asyncio.sleep(0.01)


@pytest.mark.timeout(60)
async def test_bearings_become_one_hazard_that_survives_a_restart(nats_url: str) -> None:
    async with fusion(nats_url) as mirror:
        await send(nats_url, *(bearing(number) for number in range(3)))
        first = await entity(mirror, "hazard", lambda e: len(e.sources) == 3)
        assert first.location is not None
        assert distance_m(first.location.lat, first.location.lon, *FIRE) < 30.0
        assert not first.ambiguous
        assert all(evidence.used for evidence in first.bearings)
    async with fusion(nats_url) as mirror:
        await send(nats_url, bearing(1, 0.2))
        later = await entity(mirror, "hazard", lambda e: e.updates > first.updates)
        assert later.id == first.id
        assert len(later.bearings) == 3
        assert set(first.causes) < set(later.causes)
        assert len([e for e in mirror.all("entities", Entity) if e.kind == "hazard"]) == 1


async def test_a_wrong_bearing_is_named_and_left_out(nats_url: str) -> None:
    global_cameras = [*CAMERAS, destination(*FIRE, 330.0, 5000.0)]
    wrong = Bearing(
        source="cam-wrong",
        id=new_id(),
        observed_at=datetime.now(UTC),
        received_at=datetime.now(UTC),
        lat=global_cameras[3][0],
        lon=global_cameras[3][1],
        azimuth_deg=(initial_bearing_deg(*global_cameras[3], *FIRE) + 20.0) % 360,
        sigma_deg=1.0,
    )
    async with fusion(nats_url) as mirror:
        await send(nats_url, *(bearing(number, 0.3) for number in range(3)), wrong)
        hazard = await entity(mirror, "hazard", lambda e: len(e.sources) == 4)
        assert {evidence.source for evidence in hazard.bearings if not evidence.used} == {"cam-wrong"}
        assert hazard.location is not None
        assert distance_m(hazard.location.lat, hazard.location.lon, *FIRE) < 300.0


async def test_positions_become_a_track_and_a_repetition_counts_once(nats_url: str) -> None:
    start = datetime.now(UTC) - timedelta(seconds=5)
    flown = [aircraft(second, start) for second in range(5)]
    async with fusion(nats_url) as mirror:
        await send(nats_url, *flown)
        await send(nats_url, *flown)
        await send(nats_url, aircraft(5, start))
        track = await entity(mirror, "track", lambda e: e.updates >= 6)
        assert track.updates == 6
        assert track.identities == ("icao:a1",)
        assert track.kinematics is not None
        assert track.kinematics.speed_mps == pytest.approx(60.0, abs=8.0)
        assert track.kinematics.course_deg == pytest.approx(90.0, abs=5.0)
    async with fusion(nats_url) as mirror:
        await send(nats_url, aircraft(6, start))
        assert (await entity(mirror, "track", lambda e: e.updates == 7)).id == track.id


async def test_hot_spots_become_a_fire_with_a_perimeter(nats_url: str) -> None:
    now = datetime.now(UTC)
    spots = [
        Hotspot(
            source="firms", id=new_id(), observed_at=now, received_at=now, lat=FIRE[0] + 0.003 * k, lon=FIRE[1],
            frp_mw=4.0, confidence=0.6, scan_m=400.0, track_m=400.0, satellite="N20",
        )
        for k in range(4)
    ]  # fmt: skip
    async with fusion(nats_url) as mirror:
        await send(nats_url, *spots)
        fire = await entity(mirror, "hazard", lambda e: e.perimeter is not None)
        assert fire.perimeter is not None and fire.perimeter.area_ha > 40 and fire.updates == 4
        assert set(fire.causes) == {spot.id for spot in spots}


async def test_what_operators_merge_is_one_until_they_split_it(nats_url: str) -> None:
    start = datetime.now(UTC) - timedelta(seconds=12)
    bus = await Bus.connect(nats_url, name="operator")
    await bus.ensure_streams()
    operator = WorldWriter(bus, "fabric")

    def crew(name: str, second: int) -> Position:
        flown = aircraft(second, start)
        return replace(flown, source=name, identity=f"device:{name}", sigma_m=5.0, lat=flown.lat + 0.001 * ord(name))

    async with fusion(nats_url) as mirror:
        await send(nats_url, *(crew(name, second) for second in range(4) for name in ("a", "b")))
        a = await entity(mirror, "track", lambda e: e.identities == ("device:a",) and e.updates == 4)
        b = await entity(mirror, "track", lambda e: e.identities == ("device:b",))
        merge = Merge(into=b.id, by="operator", at=datetime.now(UTC))
        said = Override(id=a.id, updated_at=datetime.now(UTC), merge=merge)
        await operator.put("overrides", a.id, said, at=said.updated_at)
        both = await entity(mirror, "track", lambda e: e.id == b.id and len(e.identities) == 2)
        assert a.id not in {e.id for e in mirror.all("entities", Entity)}
        await send(nats_url, crew("a", 5), crew("a", 6))
        fed = await entity(mirror, "track", lambda e: e.id == b.id and e.updates >= both.updates + 2)
        assert a.id not in {e.id for e in mirror.all("entities", Entity)}
        await operator.put("overrides", a.id, replace(said, merge=None), at=datetime.now(UTC))
        await send(nats_url, *(crew(name, second) for second in range(8, 12) for name in ("a", "b")))
        again = await entity(mirror, "track", lambda e: e.id == a.id and e.updates > a.updates)
        assert again.identities == ("device:a",)
        await entity(mirror, "track", lambda e: e.id == b.id and e.updates > fed.updates)
    await bus.close()


def traffic(step: int, start: datetime) -> list[AnyObservation]:
    """What comes at one time: three devices, two things that a radar sees, now and then a hot spot."""
    random = np.random.default_rng(step)
    at = start + timedelta(seconds=0.5 * step)
    sent: list[AnyObservation] = []
    for k in range(5):
        east, north = 10.0 * step + random.normal(0, 6), 800.0 * k + random.normal(0, 6)
        lat, lon = FIRE[0] + north / 111_000, FIRE[1] + east / 85_500
        source, identity = ("gps", f"device:{k}") if k < 3 else ("radar", None)
        about: dict[str, Any] = {"observed_at": at, "received_at": at, "lat": lat, "lon": lon, "sigma_m": 6.0}
        sent.append(Position(source=source, id=new_id(), identity=identity, **about))
    if step % 10 == 0:
        spot: dict[str, Any] = {"observed_at": at, "received_at": at, "lat": FIRE[0] + 0.0003 * step, "lon": FIRE[1]}
        sent.append(Hotspot(source="firms", id=new_id(), **spot))
    return sent


async def pictured(bus: Bus, last: datetime) -> list[Entity]:
    """The tracks and fires once everything up to ``last`` is in them."""
    health = HealthMonitor()
    mirror = Mirror(bus, health, types=("entities",))
    loop = asyncio.create_task(supervise("mirror", mirror.run, health))
    try:
        async with asyncio.timeout(40):
            while True:
                shown = mirror.all("entities", Entity)
                if len(shown) == 6 and min(e.heard_at for e in shown if e.kind == "track") >= last:
                    return sorted(
                        (replace(e, updated_at=last, freshness="live") for e in shown), key=lambda entity: entity.id
                    )
                await asyncio.sleep(0.05)
    finally:
        await end(loop)


@pytest.mark.timeout(180)
async def test_killed_while_it_works_it_goes_on_bit_by_bit(
    nats_url: str, service_process: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUMMIT_CHECKPOINT_INTERVAL_S", "0.2")
    monkeypatch.setenv("SUMMIT_HEARTBEAT_S", "0.1")
    monkeypatch.setenv("SUMMIT_CHECKPOINT_DIR", str(tmp_path / "disturbed"))
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    await asyncio.to_thread(warm)  # a process that must compile first takes longer than the fixture waits
    start = datetime.now(UTC) - timedelta(seconds=20)
    process = service_process("summit_fusion")
    await process.start()
    for step in range(40):
        await bus.publish(VALIDATED_SUBJECT, wire.encode_batch(traffic(step, start)))
        await asyncio.sleep(0.05)
        if step in {15, 30}:
            await process.kill()
        if step == 30:  # the disk lied: the one before it counts
            (tmp_path / "disturbed" / "fusion.checkpoint").write_bytes(b"torn")
        if step in {18, 31}:
            await process.start()
    last = start + timedelta(seconds=0.5 * 39)
    disturbed = await pictured(bus, last)
    await process.kill()
    assert (tmp_path / "disturbed" / "fusion.checkpoint").exists()

    await bus.jetstream.delete_consumer(OBSERVATIONS, "fusion")
    await bus.jetstream.purge_stream(WORLD)
    monkeypatch.setenv("SUMMIT_CHECKPOINT_DIR", str(tmp_path / "undisturbed"))
    other = service_process("summit_fusion")
    await other.start()
    assert await pictured(bus, last) == disturbed
    assert {track.updates for track in disturbed if track.kind == "track"} == {40}
    await bus.close()
