"""Makers of what intelligence is told, and intelligence itself on the real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from summit_core import wire
from summit_core.bus import Bus, Mirror, WorldWriter
from summit_core.bus.streams import VALIDATED_SUBJECT
from summit_core.clock import ManualClock
from summit_core.ids import derived_id
from summit_core.model import (
    AnyObservation,
    BearingEvidence,
    Detection,
    Entity,
    Incident,
    Location,
    Measurement,
)
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from summit_intelligence.rules import incidents
from summit_intelligence.service import Intelligence
from summit_intelligence.store import TYPES, Store
from summit_intelligence.worker import JUDGE, OBSERVE, Worker
from waiting import eventually

START = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)


def observation_id(name: str) -> str:
    return derived_id(START, name)


class Make:
    """Things of the scenario around 39.8 N 121.4 W."""

    start = START

    def bearing(self, source: str, *, used: bool = True, residual: float = 0.5) -> BearingEvidence:
        return BearingEvidence(
            observation=observation_id(source),
            source=source,
            lat=39.7,
            lon=-121.5,
            azimuth_deg=40.0,
            sigma_deg=0.7,
            observed_at=START,
            used=used,
            residual_sigma=residual,
        )

    def hazard(self, **changes: Any) -> Entity:
        bearings = (self.bearing("cam-1"), self.bearing("cam-2"), self.bearing("cam-4", used=False, residual=-9.8))
        hazard = Entity(
            id="haz-1",
            kind="hazard",
            owner="fusion",
            class_="smoke",
            observed_at=START,
            heard_at=START,
            updated_at=START,
            location=Location(lat=39.8, lon=-121.4, cov_m2=((6400.0, 0.0), (0.0, 2500.0))),
            bearings=bearings,
            sources=("cam-1", "cam-2"),
        )
        return replace(hazard, **changes)

    def incident(self, **changes: Any) -> Incident:
        return replace(incidents.of_hazard(self.hazard(), START), **changes)

    def detection(self, name: str = "det-1", **changes: Any) -> Detection:
        detection = Detection(
            id=observation_id(name),
            source="drone-1",
            observed_at=START,
            class_="fire",
            confidence=0.93,
            lat=39.8005,
            lon=-121.4,
            sigma_m=15.0,
        )
        return replace(detection, **changes)

    def device(self, id_: str = "gas-1", **changes: Any) -> Entity:
        device = Entity(
            id=id_,
            kind="sensor",
            owner="fabric",
            observed_at=START,
            heard_at=START,
            updated_at=START,
            location=Location(lat=39.81, lon=-121.41),
        )
        return replace(device, **changes)

    def weather(self, *, wind: float = 10.0) -> list[AnyObservation]:
        readings = (
            ("wind_speed", wind, "m/s"),
            ("wind_direction", 45.0, "deg"),
            ("temperature", 33.0, "degC"),
            ("relative_humidity", 14.0, "%"),
        )
        return [
            Measurement(
                id=observation_id(name),
                source="wx-1",
                observed_at=START,
                quantity=name,
                value=value,
                unit=unit,
                lat=39.81,
                lon=-121.4,
            )
            for name, value, unit in readings
        ]


class Process:
    """Intelligence as its process runs it; stopping is what a kill leaves behind: nothing but the streams."""

    def __init__(self, bus: Bus, clock: ManualClock) -> None:
        self.bus, self.clock, self.health = bus, clock, HealthMonitor()
        self.mirror = Mirror(bus, self.health, types=TYPES)
        self.store = Store(self.mirror, WorldWriter(bus, "intelligence"))
        self.service = Intelligence(self.store, clock)
        worker = Worker(bus, self.mirror, self.store, self.service, self.health)
        loops = {"mirror": self.mirror.run, OBSERVE: worker.observe, JUDGE: worker.judge}
        self._tasks = [asyncio.create_task(supervise(name, run, self.health)) for name, run in loops.items()]

    async def stop(self) -> None:
        await end(*self._tasks)


class World:
    """The bus, the other services' pens, and the process under test."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.clock = bus, ManualClock(START)
        self._pen = WorldWriter(bus, "test")
        self.process = Process(bus, self.clock)

    @property
    def store(self) -> Store:
        return self.process.store

    async def entity(self, entity: Entity) -> None:
        await self._pen.put("entities", entity.id, entity, at=self.clock.now())

    async def observe(self, *observations: AnyObservation) -> None:
        await self.bus.publish(VALIDATED_SUBJECT, wire.encode_batch(observations))

    async def restart(self) -> None:
        await self.process.stop()
        self.process = Process(self.bus, self.clock)
        await self.process.mirror.ready.wait()

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, within_s=8)

    async def written(self) -> dict[str, int]:
        """How many messages each own subject of the world stream has."""
        info = await self.bus.jetstream.stream_info("WORLD", subjects_filter="world.>")
        subjects = info.state.subjects or {}
        return {name: count for name, count in subjects.items() if not name.startswith("world.entities.")}

    async def settle(self) -> dict[str, int]:
        """Wait until two rounds of judgement have written nothing; what was written until then."""
        for _ in range(50):
            before = await self.written()
            for _ in range(2):
                await self.process.service.judge()
            if before == await self.written():
                return before
        raise AssertionError(f"it never stops writing: {before}")


@pytest.fixture
def server(service_process: Callable[[str], Any]) -> Any:
    """The service as a process of its own, reached over HTTP as the gateway reaches it."""
    return service_process("summit_intelligence")


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
async def world(nats_url: str) -> AsyncIterator[World]:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    world = World(bus)
    await world.process.mirror.ready.wait()
    yield world
    await world.process.stop()
    with contextlib.suppress(OSError):
        await bus.close()


@pytest.fixture
def later() -> Callable[[float], datetime]:
    return lambda seconds: START + timedelta(seconds=seconds)
