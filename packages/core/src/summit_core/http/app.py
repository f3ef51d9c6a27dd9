"""One way to make the web application of a service."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from summit_core.http import deadline, load, openapi, problems
from summit_core.http.compression import CompressionMiddleware
from summit_core.http.cors import cors
from summit_core.http.dispatch import Dispatch, Found
from summit_core.http.health import health_router
from summit_core.http.middleware import RequestMiddleware
from summit_core.http.routes import Route, RouteTable, templates
from summit_core.observability.health import HealthMonitor

VERSION = "0.1.0"
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""Of the framework: none. Spans, metrics and logs are ours; to find out each time that it has none costs as well."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ServiceApp(FastAPI):
    """Puts the request's id, trace, headers and metrics around all else, the answer to our own fault (500) included."""

    service: str

    @cached_property
    def templates(self) -> RouteTable[str]:
        return templates(self.routes)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            layers = (RequestMiddleware, *(layer.cls for layer in self.user_middleware))
            around = {status for layer in layers for status in getattr(layer, "ANSWERS", ())}
            self.openapi_schema = openapi.complete(super().openapi(), around)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        self.router.middleware_stack = Found(self.router.middleware_stack)
        self.user_middleware.append(Middleware(Dispatch, routes=self.routes))
        return RequestMiddleware(super().build_middleware_stack(), service=self.service)


def create_app(
    service: str,
    *,
    title: str,
    health: HealthMonitor,
    routers: list[APIRouter],
    lifespan: Lifespan,
    cors_origins: str,
    middleware: Sequence[Middleware] = (),
    deadlines: deadline.Table | None = None,
    urgent: Iterable[Route] = (),
    at_once: int = load.AT_ONCE,
    **extra: Any,
) -> FastAPI:
    """The app with problem documents, health, metrics, request ids and the browser origins of ``CORS_ORIGINS``.

    ``middleware`` is the service's own, the outermost first; around all of it are, from the outside, the request's id
    and headers, CORS, the bound of requests underway, the deadline, and compression. ``deadlines`` are seconds of the
    routes that are not answered within 5 s, None for those that last; ``urgent`` routes are the last to be refused
    under load.
    """
    app = ServiceApp(
        title=title, version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY, **extra
    )
    app.service = service
    problems.install(app)
    app.include_router(health_router(service, health))
    for router in routers:
        app.include_router(router)
    table = deadlines or {}
    lasting = [route for route, limit in table.items() if limit is None]
    around = [
        *cors(cors_origins),
        Middleware(load.LoadMiddleware, service=service, at_once=at_once, urgent=urgent, unbounded=lasting),
        Middleware(deadline.DeadlineMiddleware, table=table),
        Middleware(CompressionMiddleware),
        *middleware,
    ]
    for one in reversed(around):
        app.add_middleware(one.cls, *one.args, **one.kwargs)
    return app
