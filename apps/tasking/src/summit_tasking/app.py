"""Wiring of tasking: the one place that builds its adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from summit_core.audit.trail import LOOP as AUDIT
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror, WorldWriter
from summit_core.clock import SystemClock
from summit_core.http.app import create_app
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.supervise import running

from summit_tasking.endpoints import build_router
from summit_tasking.service import Tasking
from summit_tasking.settings import Settings
from summit_tasking.store import TYPES, Store
from summit_tasking.worker import FOLLOW, LOOK, Dispatcher, Worker

NAME: Final = "tasking"


def build_app(settings: Settings) -> FastAPI:
    health, clock = HealthMonitor(), SystemClock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bus = await Bus.connect(settings.nats_url.get_secret_value(), name=NAME, tls=client_context(settings))
        health.checks["nats"] = bus.check
        await bus.ensure_streams()
        mirror = Mirror(bus, health, types=TYPES)
        store = Store(mirror, WorldWriter(bus, NAME, written=mirror.trace_of))
        trail = Trail(bus, clock)
        service = Tasking(store, Dispatcher(bus, mirror.trace_of, trail, clock), clock, settings.deadlines())
        worker = Worker(bus, mirror, service, health, clock)
        app.state.service, app.state.store = service, store
        loops = {"mirror": mirror.run, FOLLOW: worker.follow, LOOK: worker.look, AUDIT: lambda: trail.run(health)}
        async with running(loops, health):
            yield
        await trail.close()
        await bus.close()

    return create_app(
        NAME,
        title="Summit OS tasking",
        health=health,
        routers=[build_router(settings.service_keys)],
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
        at_once=settings.requests_at_once,
    )
