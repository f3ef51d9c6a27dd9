"""The wiring of fabric: the only place, with ``__main__``, that builds concrete adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware import Middleware
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.consumer import Handler
from summit_core.bus.fill import keep_measuring
from summit_core.bus.owners import Owners
from summit_core.bus.room import keep_room
from summit_core.bus.streams import AUDIT, DEADLETTERS, INGEST, LINKS, OBSERVATIONS, WORLD
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.store import Pool, check_pool, create_pool, create_reading_pool
from summit_core.store.revision import check_revision
from summit_core.supervise import end, supervise

from summit_fabric import depth
from summit_fabric.abreast import AbreastMiddleware
from summit_fabric.audit.app import build_audit
from summit_fabric.audit.endpoints import audit_router
from summit_fabric.audit.worker import RECORDER as AUDITOR
from summit_fabric.books import Books
from summit_fabric.deadletters import DeadLetters
from summit_fabric.deadlines import DEADLINES
from summit_fabric.decoded import Decoded
from summit_fabric.endpoints import fabric_router
from summit_fabric.entities import OWNER
from summit_fabric.history.app import build_history
from summit_fabric.history.endpoints import history_router
from summit_fabric.keeper import PACER, TIMER, Keeper
from summit_fabric.partitions import TIMER as PARTITIONS
from summit_fabric.partitions import Partitions
from summit_fabric.queries import Queries
from summit_fabric.registry.app import build_registry
from summit_fabric.registry.endpoints import registry_router
from summit_fabric.registry.links import Heard
from summit_fabric.registry.service import stated_interval_s
from summit_fabric.relay import Relay
from summit_fabric.service import FabricService
from summit_fabric.settings import FabricSettings
from summit_fabric.silence import TIMER as SILENCE
from summit_fabric.silence import Silence
from summit_fabric.store import Store
from summit_fabric.worker import GATHER_S, PACE_S, RECORDER, STATUSES, VALIDATOR, Recorder, Validator
from summit_fabric.world.endpoints import world_router
from summit_fabric.world.service import WorldService
from summit_fabric.world.store import WorldStore
from summit_fabric.world.worker import UPKEEP, Upkeep
from summit_fabric.zones.app import build_zones
from summit_fabric.zones.endpoints import zones_router

SERVICE = OWNER
ROOM = "fabric-room"
FILL = "fabric-fill"
HELD_ELSEWHERE_BY = {
    INGEST: (VALIDATOR,),
    LINKS: (STATUSES, "fabric-links"),
    OBSERVATIONS: (RECORDER, "fabric-keeper", "fusion", "intelligence"),
    DEADLETTERS: ("fabric-deadletters",),
    WORLD: ("fabric-world", "fabric-zones"),
    AUDIT: (AUDITOR,),
}
"""Of a stream that refuses when full: who must have seen a message before it may go. The first holds it elsewhere."""
Loop = Callable[[], Awaitable[None]]


def build_app(settings: FabricSettings) -> FastAPI:
    health = HealthMonitor()
    built: list[FabricService] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            built[:] = [await _start(settings, health, stack)]
            yield

    async def caught_up() -> None:
        if built:  # else there is nothing yet that a request could change
            await built[0].caught_up()

    router = fabric_router(lambda: built[0], settings.service_keys)
    world = world_router(lambda: built[0].world, settings.service_keys)
    registry = registry_router(lambda: built[0].registry, settings.service_keys)
    zones = zones_router(lambda: built[0].zones, settings.service_keys)
    history = history_router(lambda: built[0].history, settings.service_keys)
    audit = audit_router(lambda: built[0].audit, settings.service_key.get_secret_value())
    return create_app(
        SERVICE,
        title="Summit OS fabric",
        health=health,
        routers=[audit, history, router, registry, world, zones],
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
        deadlines=DEADLINES,
        at_once=settings.requests_at_once,
        middleware=[Middleware(AbreastMiddleware, caught_up=caught_up)],
    )


async def _start(settings: FabricSettings, health: HealthMonitor, stack: AsyncExitStack) -> FabricService:
    """Connect, and start the loops; everything is stopped in the reverse order."""
    clock = SystemClock()
    bus = await Bus.connect(settings.nats_url.get_secret_value(), name=SERVICE, tls=client_context(settings))
    stack.push_async_callback(bus.close)
    pool = await create_pool(settings.database_url.get_secret_value(), name=SERVICE)
    stack.callback(pool.terminate)
    reads = await create_reading_pool(settings.database_url.get_secret_value(), name=SERVICE)
    stack.callback(reads.terminate)
    mirror = Mirror(bus, health)
    owners = Owners(mirror)
    decoded, books = Decoded(), Books(partial(stated_interval_s, mirror))
    keeper = Keeper(WorldWriter(bus, OWNER), mirror, clock, decoded, books.interval_of)
    health.checks |= {"nats": bus.check, "postgres": lambda: _check_database(pool)}
    partitions = Partitions(pool, clock, days=settings.observation_days)
    recorder = Recorder(Store(pool, partitions, books), decoded)
    relay = Relay(keeper, decoded)
    stack.push_async_callback(relay.close)
    loops = _loops(bus, health, mirror, keeper, relay, recorder, Validator(bus, decoded, owners, relay.pass_on))
    silence = Silence(books, keeper, clock)
    loops[SILENCE] = lambda: silence.watch(health, pool)
    loops[FILL] = lambda: keep_measuring(bus, health, FILL)
    loops[depth.TIMER] = lambda: depth.keep_measuring(pool, health)
    loops[PARTITIONS] = lambda: partitions.watch(health)
    world = WorldService(WorldStore(mirror, WorldWriter(bus, OWNER)), clock)
    upkeep = Upkeep(world, clock)
    loops[UPKEEP] = lambda: upkeep.run(mirror, health)

    def heard(source: str) -> Heard:
        return Heard(keeper.spoke_at(source), books.interval_of(source))

    trail = Trail(bus, clock)
    stack.push_async_callback(trail.close)
    registry, more = build_registry(settings, bus, pool, mirror, heard, trail, clock, health)
    audit, chaining = build_audit(settings, bus, pool, reads, mirror, silence, trail, clock, health)
    zones, watching = build_zones(bus, pool, reads, mirror, clock, health)
    history, past = build_history(bus, pool, reads, clock, health, days=settings.world_days)
    loops |= more | watching | past | chaining
    for name, run in loops.items():
        health.expect(name)
        task = asyncio.create_task(supervise(name, run, health), name=name)
        stack.push_async_callback(end, task)
    letters = DeadLetters(pool, reads, bus)
    return FabricService(Queries(reads), letters, mirror, silence, world, registry, zones, history, audit)


def _loops(
    bus: Bus,
    health: HealthMonitor,
    mirror: Mirror,
    keeper: Keeper,
    relay: Relay,
    recorder: Recorder,
    validator: Validator,
) -> dict[str, Loop]:
    def consumer(
        stream: str,
        name: str,
        handler: Handler,
        *,
        in_flight: int = 1,
        gather_s: float = 0.0,
    ) -> Loop:
        async def run() -> None:
            await bus.ensure_streams()
            await consume(bus, stream, name, handler, health, in_flight=in_flight, gather_s=gather_s)

        return run

    async def validate() -> None:
        await bus.ensure_streams()
        await validator.resume()
        await consume(bus, INGEST, VALIDATOR, validator.handle, health, batch=1000, pace_s=PACE_S)

    async def record() -> None:
        await bus.ensure_streams()
        await consume(
            *(bus, OBSERVATIONS, RECORDER, recorder.observations, health),
            batch=100,
            in_flight=2,
            gather_s=GATHER_S,
            gather_while=recorder.much_to_come,
        )

    async def room() -> None:
        await bus.ensure_streams()
        await keep_room(bus, HELD_ELSEWHERE_BY, health, ROOM)

    kept, owned = keeper.load, mirror.ready.wait  # whose a source is must be known
    names = {
        VALIDATOR: _after(owned, validate),
        RECORDER: record,
        "fabric-deadletters": consumer(DEADLETTERS, "fabric-deadletters", recorder.dead_letters),
        "fabric-keeper": _after(
            kept, consumer(OBSERVATIONS, "fabric-keeper", relay.deliveries, in_flight=64, gather_s=GATHER_S)
        ),
        "fabric-links": _after(kept, consumer(LINKS, "fabric-links", keeper.links)),
        STATUSES: _after(owned, consumer(LINKS, STATUSES, validator.statuses)),
    }
    return {
        "mirror": _after(bus.ensure_streams, mirror.run),
        ROOM: room,
        **names,
        TIMER: _after(kept, lambda: keeper.watch(health)),
        PACER: _after(kept, lambda: keeper.pace(health)),
    }


def _after(first: Callable[[], Awaitable[object]], loop: Loop) -> Loop:
    """A loop that begins when what it goes by is there."""

    async def run() -> None:
        await first()
        await loop()

    return run


async def _check_database(pool: Pool) -> str | None:
    return await check_pool(pool) or await check_revision(pool)
