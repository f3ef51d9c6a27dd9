"""``/livez``, ``/readyz``, ``/health`` and ``/metrics`` on every service."""

from typing import Literal

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response

from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import exposition


class Liveness(Struct, frozen=True, kw_only=True):
    service: str
    status: Literal["alive"]


class Readiness(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``reasons`` keep it from being ready, ``notes`` do not; both by name."""

    service: str
    status: Literal["ready", "not ready"]
    reasons: dict[str, str]
    notes: dict[str, str] = {}


def health_router(service: str, health: HealthMonitor) -> APIRouter:
    """Liveness fails only for what a restart would mend; readiness names every dependency that is away."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Is the process alive?", **described(Liveness))
    async def livez() -> Response:
        return json_response(Liveness(service=service, status="alive"))

    @router.get(
        "/readyz", summary="Can it do its work, and if not, why not?", **described(Readiness, also={503: Readiness})
    )
    @router.get("/health", include_in_schema=False)
    async def readyz() -> Response:
        problems = await health.problems()
        body = Readiness(
            service=service,
            status="not ready" if problems else "ready",
            reasons=problems,
            notes=await health.noted(),
        )
        return json_response(body, status=503 if problems else 200)

    @router.get("/metrics", summary="Prometheus metrics", **described(str, media="text/plain"))
    async def metrics() -> Response:
        page, media_type = exposition()
        return Response(page, media_type=media_type)

    return router
