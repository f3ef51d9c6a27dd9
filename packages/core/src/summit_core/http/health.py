"""``/livez``, ``/readyz``, ``/health`` and ``/metrics`` on every service."""

from fastapi import APIRouter
from starlette.responses import Response

from summit_core.http.responses import json_response
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import exposition


def health_router(service: str, health: HealthMonitor) -> APIRouter:
    """Liveness fails only for what a restart would mend; readiness names every dependency that is away."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Is the process alive?")
    async def livez() -> Response:
        return json_response({"service": service, "status": "alive"})

    @router.get("/readyz", summary="Can it do its work, and if not, why not?")
    @router.get("/health", summary="The same as /readyz", include_in_schema=False)
    async def readyz() -> Response:
        problems = await health.problems()
        body = {"service": service, "status": "not ready" if problems else "ready", "reasons": problems}
        body |= {"notes": noted} if (noted := await health.noted()) else {}
        return json_response(body, status=503 if problems else 200)

    @router.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        page, media_type = exposition()
        return Response(page, media_type=media_type)

    return router
