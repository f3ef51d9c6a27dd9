"""Wiring of intelligence: the one place that builds its adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from summit_core.bus import Bus, Mirror, WorldWriter
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.supervise import running

from summit_intelligence.endpoints import build_router
from summit_intelligence.service import Intelligence
from summit_intelligence.settings import Settings
from summit_intelligence.store import TYPES, Store
from summit_intelligence.worker import JUDGE, OBSERVE, Worker

NAME: Final = "intelligence"


def build_app(settings: Settings) -> FastAPI:
    health = HealthMonitor()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bus = await Bus.connect(settings.nats_url.get_secret_value(), name=NAME, tls=client_context(settings))
        health.checks["nats"] = bus.check
        await bus.ensure_streams()
        mirror = Mirror(bus, health, types=TYPES)
        store = Store(mirror, WorldWriter(bus, NAME, written=mirror.trace_of))
        service = Intelligence(store, SystemClock())
        worker = Worker(bus, mirror, store, service, health)
        app.state.service, app.state.store = service, store
        loops = {"mirror": mirror.run, OBSERVE: worker.observe, JUDGE: worker.judge}
        async with running(loops, health):
            yield
        await bus.close()

    return create_app(
        NAME,
        title="Summit OS intelligence",
        health=health,
        routers=[build_router(settings.service_keys)],
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
        at_once=settings.requests_at_once,
    )
