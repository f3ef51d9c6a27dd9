"""Fusion against the real broker: bearings become one hazard, positions a track, and a restart changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from summit_core import wire
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import OBSERVATIONS, VALIDATED_SUBJECT
from summit_core.clock import SystemClock
from summit_core.geo import destination, distance_m, initial_bearing_deg
from summit_core.ids import new_id
from summit_core.model import AnyObservation, Bearing, Entity, Position
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from summit_fusion.settings import FusionSettings
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
async def fusion(url: str) -> AsyncIterator[Mirror]:
    """The worker with its loops, as app.py wires it; leaving it is a crash: nothing is said farewell."""
    health = HealthMonitor()
    bus = await Bus.connect(url, name="fusion")
    await bus.ensure_streams()
    mirror = Mirror(bus, health, types=("entities",))
    settings = FusionSettings(nats_url=url, service_key="k" * 20, port=1, publish_interval_s=0.05)
    worker = Worker(mirror, WorldWriter(bus, "fusion"), SystemClock(), health, settings)

    async def work() -> None:
        await mirror.ready.wait()
        worker.restore()
        await consume(bus, OBSERVATIONS, "fusion", worker.handle, health)

    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "mirror": mirror.run,
        "fusion": work,
        "publisher": worker.publish_forever,
    }
    loops = [asyncio.create_task(supervise(name, run, health)) for name, run in runs.items()]
    yield mirror
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
