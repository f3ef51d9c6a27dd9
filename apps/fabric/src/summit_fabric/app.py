"""The wiring of fabric: the only place, with ``__main__``, that builds concrete adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.consumer import Handler
from summit_core.bus.room import keep_room
from summit_core.bus.streams import DEADLETTERS, INGEST, OBSERVATIONS, WORLD
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool, check_pool, create_pool
from summit_core.store.migrate import check_revision
from summit_core.supervise import end, supervise

from summit_fabric.deadletters import DeadLetters
from summit_fabric.endpoints import fabric_router
from summit_fabric.entities import OWNER
from summit_fabric.keeper import TIMER, Keeper
from summit_fabric.queries import Queries
from summit_fabric.service import FabricService
from summit_fabric.settings import FabricSettings
from summit_fabric.store import Store
from summit_fabric.worker import Recorder, Validator

SERVICE = OWNER
ROOM = "fabric-room"
HELD_ELSEWHERE_BY = {
    INGEST: "fabric-validator",
    OBSERVATIONS: "fabric-recorder",
    DEADLETTERS: "fabric-deadletters",
}
"""Whose acknowledgement says that a message of a stream that refuses when full is held elsewhere."""
Loop = Callable[[], Awaitable[None]]


def build_app(settings: FabricSettings) -> FastAPI:
    health = HealthMonitor()
    built: list[FabricService] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            built[:] = [await _start(settings, health, stack)]
            yield

    router = fabric_router(lambda: built[0], settings.service_key.get_secret_value())
    return create_app(
        SERVICE,
        title="Summit OS fabric",
        health=health,
        routers=[router],
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
    )


async def _start(settings: FabricSettings, health: HealthMonitor, stack: AsyncExitStack) -> FabricService:
    """Connect, and start the loops; everything is stopped in the reverse order."""
    clock = SystemClock()
    bus = await Bus.connect(settings.nats_url.get_secret_value(), name=SERVICE)
    stack.push_async_callback(bus.close)
    pool = await create_pool(settings.database_url.get_secret_value(), name=SERVICE)
    stack.callback(pool.terminate)
    mirror = Mirror(bus, health)
    keeper = Keeper(WorldWriter(bus, OWNER), mirror, clock)
    health.checks |= {"nats": bus.check, "postgres": lambda: _check_database(pool)}
    for name, run in _loops(bus, health, mirror, keeper, Recorder(Store(pool))).items():
        health.expect(name)
        task = asyncio.create_task(supervise(name, run, health), name=name)
        stack.push_async_callback(end, task)
    return FabricService(Queries(pool), DeadLetters(pool, bus), mirror, keeper)


def _loops(bus: Bus, health: HealthMonitor, mirror: Mirror, keeper: Keeper, recorder: Recorder) -> dict[str, Loop]:
    def consumer(stream: str, name: str, handler: Handler, *, subject: str = ">", batch: int = 500) -> Loop:
        async def run() -> None:
            await bus.ensure_streams()
            await consume(bus, stream, name, handler, health, subject=subject, batch=batch)

        return run

    def kept(loop: Loop) -> Loop:
        async def run() -> None:
            await keeper.load()
            await loop()

        return run

    async def follow() -> None:
        await bus.ensure_streams()
        await mirror.run()

    async def room() -> None:
        await bus.ensure_streams()
        await keep_room(bus, HELD_ELSEWHERE_BY, health, ROOM)

    names = {
        "fabric-validator": consumer(INGEST, "fabric-validator", Validator(bus).handle),
        "fabric-recorder": consumer(OBSERVATIONS, "fabric-recorder", recorder.observations, batch=200),
        "fabric-deadletters": consumer(DEADLETTERS, "fabric-deadletters", recorder.dead_letters),
        "fabric-world": consumer(WORLD, "fabric-world", recorder.world),
        "fabric-keeper": kept(consumer(OBSERVATIONS, "fabric-keeper", keeper.observations, batch=50)),
        "fabric-links": kept(consumer(INGEST, "fabric-links", keeper.links, subject="devices.*.status")),
    }
    return {"mirror": follow, ROOM: room, **names, TIMER: kept(lambda: keeper.watch(health))}


async def _check_database(pool: Pool) -> str | None:
    return await check_pool(pool) or await check_revision(pool)
