"""One way to make the web application of a service."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from summit_core.http import problems
from summit_core.http.health import health_router
from summit_core.http.middleware import RequestMiddleware
from summit_core.observability.health import HealthMonitor

VERSION = "0.1.0"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: str,
    *,
    title: str,
    health: HealthMonitor,
    routers: list[APIRouter],
    lifespan: Lifespan,
    cors_origins: str = "",
    middleware: Sequence[Middleware] = (),
    **extra: Any,
) -> FastAPI:
    """The app with problem documents, health, metrics, request ids and the browser origins of ``CORS_ORIGINS``.

    ``middleware`` is the service's own, the outermost first; around all of it are CORS and the request's id.
    """
    app = FastAPI(title=title, version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None, **extra)
    problems.install(app)
    app.include_router(health_router(service, health))
    for router in routers:
        app.include_router(router)
    for own in reversed(middleware):
        app.add_middleware(own.cls, *own.args, **own.kwargs)
    origins = [origin.strip() for origin in cors_origins.split(",") if origin.strip()]
    if "*" in origins:
        raise SystemExit("CORS_ORIGINS may not be *: name the origins, because requests carry credentials")
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Summit-Request"],
        )
    app.add_middleware(RequestMiddleware, service=service)
    return app
