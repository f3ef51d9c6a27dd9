"""What people do to zones, and who crossed them. Reading zones and presences is the gateway's, from its own mirror."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response
from summit_core.bus import Change
from summit_core.http.openapi import described, list_of
from summit_core.http.responses import JSON, raw_list
from summit_core.model import Presence, Principal, Zone, ZoneDraft
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_fabric.condition import Condition, required
from summit_fabric.zones.service import ZoneService

KeyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
CursorQuery = Annotated[str | None, Query(max_length=20)]


def zones_router(service: Callable[[], ZoneService], key: service_key.Key) -> APIRouter:
    """Every route asks for the service key, and for the permission of the person behind the call."""

    async def reader(request: Request) -> None:
        require(service_key.caller(request.headers, key), Permission.READ)

    async def operator(request: Request) -> Principal:
        principal = service_key.caller(request.headers, key)
        require(principal, Permission.OPERATE)
        return principal

    router = APIRouter(prefix="/v1", tags=["zones"], dependencies=[Depends(reader)])
    _add_changes(router, service, operator)
    _add_crossings(router, service, "/zones/{id}/events", "zone", "Who entered and left a zone, newest first")
    _add_crossings(
        router, service, "/entities/{id}/crossings", "entity", "Zones that an entity entered and left, newest first"
    )
    return router


def _add_changes(
    router: APIRouter, service: Callable[[], ZoneService], operator: Callable[[Request], Awaitable[Principal]]
) -> None:
    @router.post("/zones", summary="Draw a zone", **described(Zone, 201, body=ZoneDraft))
    async def create(request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        made = await service().create(await request.body(), who, request.headers.get("idempotency-key"))
        return _answer(made, 201, {"Location": f"/v1/zones/{made.event.key}"})

    @router.put("/zones/{id}", summary="Draw a zone anew", **described(Zone, body=ZoneDraft, condition=True))
    async def put(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        body = await request.body()
        return _answer(await service().change(id, body, _condition(request), who, patch=False))

    @router.patch(
        "/zones/{id}",
        summary="Change a zone by a JSON merge patch",
        **described(Zone, body=dict[str, Any], condition=True),
    )
    async def patch(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        body = await request.body()
        return _answer(await service().change(id, body, _condition(request), who, patch=True))

    @router.delete("/zones/{id}", summary="Remove a zone", **described(None, 204, condition=True))
    async def remove(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        await service().remove(id, _condition(request), who)
        return Response(status_code=204)


def _add_crossings(
    router: APIRouter,
    service: Callable[[], ZoneService],
    path: str,
    of: Literal["zone", "entity"],
    summary: str,
) -> None:
    @router.get(path, summary=summary, name=summary, **described(list_of(Presence, "Crossing")))
    async def crossings(id: KeyPath, limit: Limit = 100, cursor: CursorQuery = None) -> Response:
        bodies, more = await service().page(of, id, limit=limit, cursor=cursor)
        return raw_list(bodies, next_cursor=more, seq=service().seq)


def _condition(request: Request) -> Condition:
    return required(Condition.parse(request.headers.get("if-match")))


def _answer(change: Change, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The zone as it is now, with its version."""
    tag = {"ETag": f'"{change.seq}"'}
    return Response(bytes(change.event.body), status, tag | (headers or {}), media_type=JSON)
