"""``/v1/entities`` and the other objects of the world."""

from functools import cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct, defstruct
from starlette.requests import Request
from starlette.responses import Response
from summit_core.errors import InputError
from summit_core.http.responses import JSON, raw_list
from summit_core.model import WORLD_TYPES, EntityKind, Freshness, WorldType

from summit_gateway.openapi import describe
from summit_gateway.picture import service
from summit_gateway.picture.service import MAX_LIMIT
from summit_gateway.services import Services

GEOJSON: Final = "application/geo+json"
ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=64)]
OPERATIONS: Final[dict[WorldType, tuple[str, ...]]] = {
    "incidents": ("state",),
    "alerts": ("state", "incident"),
    "advisories": ("incident",),
    "tasks": ("state", "incident", "asset"),
    "approvals": ("task",),
    "zones": ("rule", "anchor"),
    "presences": ("zone", "entity", "state"),
    "overrides": (),
    "registrations": ("kind", "link", "node"),
}
"""The filters of each type."""


def picture_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["picture"])
    _entities(router, services, "entities", {})
    _entities(router, services, "tracks", {"kind": "track"})
    _entities(router, services, "assets", {"kind": "asset"})
    for type_, filters in OPERATIONS.items():
        _operations(router, services, type_, filters)
    return router


def _entities(router: APIRouter, services: Services, name: str, fixed: dict[str, str]) -> None:
    @router.get(f"/v1/{name}", summary=f"The {name} of the live picture", name=name, **describe(_list_of("entities")))
    async def entities(
        request: Request,
        kind: EntityKind | None = None,
        class_: Annotated[str | None, Query(alias="class")] = None,
        owner: str | None = None,
        freshness: Freshness | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        wanted = {"kind": kind, "class_": class_, "owner": owner, "freshness": freshness}
        filters = {field: value for field, value in wanted.items() if value is not None} | fixed
        page = service.page(services.picture(), "entities", filters, limit=limit, cursor=cursor)
        if GEOJSON in request.headers.get("accept", ""):
            return Response(service.geojson(page.changes), media_type=GEOJSON, headers={"Vary": "Accept"})
        response = _listed(page)
        response.headers["Vary"] = "Accept"
        return response

    _single(router, services, name, "entities", fixed)


def _operations(router: APIRouter, services: Services, type_: WorldType, allowed: tuple[str, ...]) -> None:
    @router.get(f"/v1/{type_}", summary=f"The {type_}", name=type_, **describe(_list_of(type_), parameters=allowed))
    async def operations(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        query = dict(request.query_params)
        unknown = query.keys() - {*allowed, "limit", "cursor"}
        if unknown:
            field = min(unknown)
            raise InputError(f"{field}: no filter of {type_}; use {', '.join(allowed)}, limit or cursor", field=field)
        filters = {field: query[field] for field in allowed if field in query}
        return _listed(service.page(services.picture(), type_, filters, limit=limit, cursor=cursor))

    _single(router, services, type_, type_, {})


def _single(router: APIRouter, services: Services, name: str, type_: WorldType, fixed: dict[str, str]) -> None:
    @router.get(f"/v1/{name}/{{id}}", summary=f"One of the {name}", name=f"{name} id", **describe(WORLD_TYPES[type_]))
    async def single(request: Request, id: ObjectId) -> Response:
        change = service.one(services.picture(), type_, id, fixed)
        tag = f'"{change.seq}"'
        known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, "*"}:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(bytes(change.event.body), media_type=JSON, headers={"ETag": tag})


def _listed(page: service.Page) -> Response:
    return raw_list((bytes(change.event.body) for change in page.changes), next_cursor=page.next, seq=page.seq)


@cache
def _list_of(type_: WorldType) -> type[Struct]:
    """The type of a list's answer, for the OpenAPI page."""
    item: Any = WORLD_TYPES[type_]
    return defstruct(f"{item.__name__}List", [("items", list[item]), ("next", str | None), ("seq", int)])
