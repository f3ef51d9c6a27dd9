"""Wiring of fusion: the bus, the mirror, the worker's loops, the health page."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import h3.api.basic_int as h3
from fastapi import FastAPI
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import OBSERVATIONS, VALIDATED_SUBJECT
from summit_core.bus.subjects import MIXED, NOWHERE, partition, validated, validated_everywhere
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.supervise import running

from summit_fusion.checkpoint import Checkpoints
from summit_fusion.exchange import LOOP, Exchange, Neighbours
from summit_fusion.hazards import OWNER, Relief
from summit_fusion.named import Area
from summit_fusion.ownership import KvOwnership
from summit_fusion.settings import FusionSettings
from summit_fusion.warm import warm
from summit_fusion.worker import Worker

SERVICE = "fusion"
EVERYWHERE = (VALIDATED_SUBJECT, *validated_everywhere("position", "bearing", "hotspot", "detection"))
MOST_FILTERS = 256
"""A consumer of more partitions takes all of them and looks itself."""


def build_app(settings: FusionSettings) -> FastAPI:
    """The service as one ASGI app; its loops live in the lifespan."""
    health, shard, cells = HealthMonitor(), settings.fusion_shard, settings.cells()
    for name in (shard, "publisher", "checkpoints", LOOP):
        health.expect(name)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bus = await Bus.connect(settings.nats_url.get_secret_value(), name=SERVICE, tls=client_context(settings))
        await bus.ensure_streams()
        health.checks["nats"] = bus.check
        mirror = Mirror(bus, health, types=("entities",))
        kept = Checkpoints(settings.checkpoint_dir, shard) if settings.checkpoint_dir else None
        registry = await KvOwnership.open(bus) if cells else None
        area = Area(shard, cells, registry) if cells and registry else None
        relief = _relief(settings)
        worker = Worker(mirror, WorldWriter(bus, SERVICE), SystemClock(), health, settings, kept, area, relief)
        neighbours = Neighbours(bus, settings, health)
        health.checks["shards"] = neighbours.check

        async def work() -> None:
            await asyncio.to_thread(warm)
            await mirror.ready.wait()
            if registry is not None:
                await registry.following.wait()
            info = await bus.jetstream.stream_info(OBSERVATIONS)
            after = worker.begin(str(info.created), info.state.last_seq)
            await consume(bus, OBSERVATIONS, shard, worker.handle, health, subject=subjects(shard, cells), after=after)

        loops = {
            "mirror": mirror.run,
            shard: work,
            LOOP: Exchange(bus, neighbours, registry, worker, health).run if registry else neighbours.run,
            "publisher": worker.publish_forever,
            "checkpoints": worker.checkpoint_forever,
        }
        async with running(loops, health):
            yield
        await bus.close()

    return create_app(
        SERVICE,
        title="Summit OS fusion",
        health=health,
        routers=[],
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
        at_once=settings.requests_at_once,
    )


def _relief(settings: FusionSettings) -> Relief | None:
    """The ground, where an elevation model is named. Reading one takes 27 MB of libraries that nothing else needs."""
    if not settings.elevation:
        return None
    from summit_fusion.terrain.elevation import Elevation  # noqa: PLC0415  (see above)

    return Relief(Elevation.of(settings.elevation), settings.camera_mast_m)


def subjects(shard: str, cells: frozenset[int] | None) -> Sequence[str]:
    """What a shard takes of the stream: the partitions of its cells and their neighbours, and what has none. The one
    that decides hazards takes all bearings and hot spots."""
    if cells is None:
        return EVERYWHERE
    wide = {partition(near) for cell in cells for near in h3.grid_disk(cell, 1)}
    places: list[int | str] = [*sorted(wide), NOWHERE, MIXED] if len(wide) <= MOST_FILTERS else ["*"]
    movers = [validated(where, kind) for where in places for kind in ("position", "detection")]
    hazards = validated_everywhere("bearing", "hotspot") if shard == OWNER else []
    return [VALIDATED_SUBJECT, *movers, *hazards]
