"""Makers of what tasking is told, a simulated asset, and tasking itself on the real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from nats.aio.msg import Msg
from summit_core import wire
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror, WorldWriter
from summit_core.clock import ManualClock
from summit_core.model import (
    Alert,
    AlertState,
    Certainty,
    Entity,
    Health,
    Incident,
    IncidentState,
    Kinematics,
    Location,
    Severity,
    Task,
    TaskStatus,
    Urgency,
)
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from summit_tasking.plan.lifecycle import Deadlines
from summit_tasking.service import Tasking
from summit_tasking.store import TYPES, Store
from summit_tasking.worker import FOLLOW, LOOK, Dispatcher, Worker
from waiting import eventually

START = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)


class Make:
    """Things of the scenario around 39.8 N 121.4 W."""

    start = START

    def incident(self, **changes: Any) -> Incident:
        incident = Incident(
            id="inc-1",
            title="Smoke near 39.800 N 121.400 W",
            class_="smoke",
            state=IncidentState.SUSPECTED,
            severity=Severity.MODERATE,
            opened_at=START,
            updated_at=START,
            location=Location(lat=39.8, lon=-121.4, cov_m2=((6400.0, 0.0), (0.0, 2500.0))),
        )
        return replace(incident, **changes)

    def alert(self) -> Alert:
        return Alert(
            id="alr-1",
            title="Smoke",
            text="Smoke",
            state=AlertState.OPEN,
            severity=Severity.MODERATE,
            urgency=Urgency.EXPECTED,
            certainty=Certainty.LIKELY,
            dedupe_key="incident:inc-1",
            opened_at=START,
            updated_at=START,
            incident="inc-1",
        )

    def drone(self, id_: str = "drone-1", *, lat: float = 39.82, endurance_s: float = 3300.0, **changes: Any) -> Entity:
        drone = Entity(
            id=id_,
            kind="asset",
            owner="fabric",
            class_="drone",
            observed_at=START,
            heard_at=START,
            updated_at=START,
            location=Location(lat=lat, lon=-121.4),
            health=Health(endurance_s=endurance_s, cruise_mps=25.0),
            capabilities=("investigate", "camera"),
            home=(lat, -121.4),
        )
        return replace(drone, **changes)

    def weak_drone(self, **changes: Any) -> Entity:
        """Nearer, but without the endurance to come home."""
        return self.drone("drone-2", lat=39.81, endurance_s=160.0, **changes)

    def under_way(self, task: Task) -> Entity:
        return self.drone(task.asset, task=task.id, kinematics=Kinematics(speed_mps=24.0))


class Asset:
    """A drone on the bus: keeps what it was sent, answers when told to."""

    def __init__(self, bus: Bus, id_: str, clock: ManualClock) -> None:
        self._bus, self._id, self._clock = bus, id_, clock
        self.inbox: list[Task] = []

    async def listen(self) -> None:
        async def keep(message: Msg) -> None:
            self.inbox.append(wire.decode(message.data, Task))

        await self._bus.client.subscribe(f"tasks.{self._id}.dispatch", cb=keep)

    async def say(self, task: str, state: Any, **more: Any) -> None:
        status = TaskStatus(task=task, state=state, at=self._clock.now(), **more)
        await self.say_bytes(wire.encode(status))

    async def say_bytes(self, data: bytes) -> None:
        await self._bus.publish(f"tasks.{self._id}.status", data)


class Process:
    """Tasking as its process runs it; stopping is what a kill leaves behind: nothing but the streams."""

    def __init__(self, bus: Bus, clock: ManualClock, deadlines: Deadlines) -> None:
        self.health = HealthMonitor()
        self.mirror = Mirror(bus, self.health, types=TYPES)
        self.store = Store(self.mirror, WorldWriter(bus, "tasking", written=self.mirror.trace_of))
        self.service = Tasking(
            self.store, Dispatcher(bus, self.mirror.trace_of, Trail(bus, clock), clock), clock, deadlines
        )
        worker = Worker(bus, self.mirror, self.service, self.health, clock)
        loops = {"mirror": self.mirror.run, FOLLOW: worker.follow, LOOK: worker.look}
        self._tasks = {name: asyncio.create_task(supervise(name, run, self.health)) for name, run in loops.items()}

    async def stop(self) -> None:
        await self._end(*self._tasks)

    async def only_watch(self) -> None:
        """Keep the mirror; leave the work, and the durable consumer, to another process."""
        await self._end(FOLLOW, LOOK)

    async def _end(self, *names: str) -> None:
        await end(*(self._tasks.pop(name) for name in names))


class World:
    """The bus, the other services' pens, and the process under test."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.clock, self.deadlines = bus, ManualClock(START), Deadlines()
        self._pen = WorldWriter(bus, "test")
        self.process = Process(bus, self.clock, self.deadlines)

    @property
    def store(self) -> Store:
        return self.process.store

    @property
    def service(self) -> Tasking:
        return self.process.service

    @property
    def task(self) -> Task:
        """The newest task of the incident."""
        return self.store.tasks_of("inc-1")[-1]

    async def put(self, *things: Entity | Incident | Alert) -> None:
        for thing in things:
            type_: Any = {Entity: "entities", Incident: "incidents", Alert: "alerts"}[type(thing)]
            await self._pen.put(type_, thing.id, thing, at=self.clock.now())

    async def asset(self, id_: str = "drone-1") -> Asset:
        asset = Asset(self.bus, id_, self.clock)
        await asset.listen()
        return asset

    async def restart(self) -> None:
        await self.process.stop()
        self.process = Process(self.bus, self.clock, self.deadlines)
        await self.process.mirror.ready.wait()

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, within_s=8)

    async def written(self) -> dict[str, int]:
        """How many messages each own subject of the world stream has."""
        info = await self.bus.jetstream.stream_info("WORLD", subjects_filter="world.>")
        subjects = info.state.subjects or {}
        return {name: count for name, count in subjects.items() if name.split(".")[1] in {"tasks", "approvals"}}

    async def settle(self) -> dict[str, int]:
        """Wait until two rounds have written nothing; what was written until then."""
        for _ in range(50):
            before = await self.written()
            for _ in range(2):
                await self.service.look()
            if before == await self.written():
                return before
        raise AssertionError(f"it never stops writing: {before}")


@pytest.fixture
def server(service_process: Callable[[str], Any]) -> Any:
    """The service as a process of its own, reached over HTTP as the gateway reaches it."""
    return service_process("summit_tasking")


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
