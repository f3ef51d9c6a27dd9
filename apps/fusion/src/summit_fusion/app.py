"""Wiring of fusion: the bus, the mirror, the worker's loops, the health page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import OBSERVATIONS, VALIDATED_SUBJECT
from summit_core.bus.subjects import validated_everywhere
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import running

from summit_fusion.checkpoint import Checkpoints
from summit_fusion.settings import FusionSettings
from summit_fusion.warm import warm
from summit_fusion.worker import Worker

SERVICE = "fusion"
CONSUMER = "fusion"
SUBJECTS = (VALIDATED_SUBJECT, *validated_everywhere("position", "bearing", "hotspot", "detection"))


def build_app(settings: FusionSettings) -> FastAPI:
    """The service as one ASGI app; its loops live in the lifespan."""
    health = HealthMonitor()
    health.expect(CONSUMER)
    health.expect("publisher")
    health.expect("checkpoints")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bus = await Bus.connect(settings.nats_url.get_secret_value(), name=SERVICE)
        await bus.ensure_streams()
        health.checks["nats"] = bus.check
        mirror = Mirror(bus, health, types=("entities",))
        kept = Checkpoints(settings.checkpoint_dir) if settings.checkpoint_dir else None
        worker = Worker(mirror, WorldWriter(bus, SERVICE), SystemClock(), health, settings, kept)

        async def work() -> None:
            await asyncio.to_thread(warm)
            await mirror.ready.wait()
            info = await bus.jetstream.stream_info(OBSERVATIONS)
            after = worker.begin(str(info.created), info.state.last_seq)
            await consume(bus, OBSERVATIONS, CONSUMER, worker.handle, health, subject=SUBJECTS, after=after)

        loops = {
            "mirror": mirror.run,
            CONSUMER: work,
            "publisher": worker.publish_forever,
            "checkpoints": worker.checkpoint_forever,
        }
        async with running(loops, health):
            yield
        await bus.close()

    return create_app(SERVICE, title="Summit OS fusion", health=health, routers=[], lifespan=lifespan)
