"""``/v1/entities`` and the other objects of the world."""

from functools import cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response
from summit_core import wire
from summit_core.bus import Picture
from summit_core.errors import InputError
from summit_core.http.dispatch import plainly
from summit_core.http.openapi import described, list_of
from summit_core.http.responses import JSON, raw_list
from summit_core.model import WORLD_TYPES, EntityKind, Freshness, WorldType

from summit_gateway.identity import scope_of
from summit_gateway.past import service as past
from summit_gateway.past.service import MOMENT, PastError
from summit_gateway.picture import filters, service
from summit_gateway.picture.pages import GEOJSON, Pages
from summit_gateway.picture.service import MAX_LIMIT, Related
from summit_gateway.picture.shapes import zones_geojson
from summit_gateway.services import Services

ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(min_length=1, max_length=200, description="`next` of the page before")]
Text = Annotated[str | None, Query(max_length=400)]
Moment = Annotated[str | None, Query(max_length=40)]
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
    pages = Pages(services)
    _entities(router, services, pages, "entities", {})
    _entities(router, services, pages, "tracks", {"kind": "track"})
    _entities(router, services, pages, "assets", {"kind": "asset"})
    _relations(router, services)
    for type_, allowed in OPERATIONS.items():
        _operations(router, services, pages, type_, allowed)
    return router


def _entities(router: APIRouter, services: Services, pages: Pages, name: str, fixed: dict[str, str]) -> None:
    @router.get(
        f"/v1/{name}",
        summary=f"The {name} of the live picture",
        name=name,
        **described(_list_of("entities"), others=(GEOJSON,)),
    )
    async def entities(
        request: Request,
        kind: EntityKind | None = None,
        class_: Annotated[str | None, Query(alias="class")] = None,
        owner: str | None = None,
        freshness: Freshness | None = None,
        label: Text = None,
        alias: Text = None,
        source: Text = None,
        bbox: Text = None,
        as_of: Moment = None,
        bundle: Moment = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        wanted = {"kind": kind, "class_": class_, "owner": owner, "freshness": freshness}
        tests = filters.having({field: value for field, value in wanted.items() if value is not None} | fixed)
        said = {filters.labelled: label, filters.called: alias, filters.heard_by: source, filters.inside: bbox}
        tests += [filters.of_entity(make(value)) for make, value in said.items() if value is not None]
        as_geojson = GEOJSON in request.headers.get("accept", "")
        scope = scope_of(request)

        def of(picture: Picture) -> service.Page:
            return service.page(picture, scope, "entities", tests, limit=limit, cursor=cursor)

        live = services.picture()
        if not past.asked(request):
            return _geojson(of(live)) if as_geojson else await pages.first(request, "entities", lambda: of(live))
        if not as_geojson and all(value is None for value in said.values()):
            return await past.forwarded(services, request, name)
        try:
            picture, seq = await past.picture(services, request, "entities")
        except PastError as refused:
            return refused.response
        if as_geojson:
            return _geojson(of(picture))
        response = _listed(of(picture), seq)
        response.headers["Vary"] = "Accept"
        return response

    plainly(entities, pages.again)
    _single(router, services, name, "entities", fixed)


def _operations(
    router: APIRouter, services: Services, pages: Pages, type_: WorldType, allowed: tuple[str, ...]
) -> None:
    @router.get(
        f"/v1/{type_}",
        summary=f"The {type_}",
        name=type_,
        **described(_list_of(type_), parameters=(*allowed, *MOMENT), others=(GEOJSON,) if type_ == "zones" else ()),
    )
    async def operations(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        query = dict(request.query_params)
        unknown = query.keys() - {*allowed, *MOMENT, "limit", "cursor"}
        if unknown:
            field = min(unknown)
            raise InputError(f"{field}: no filter of {type_}; use {', '.join(allowed)}, limit or cursor", field=field)
        if past.asked(request):
            return await past.forwarded(services, request, type_)
        tests = filters.having({field: query[field] for field in allowed if field in query})
        mirror, scope = services.picture(), scope_of(request)

        def page() -> service.Page:
            return service.page(mirror, scope, type_, tests, limit=limit, cursor=cursor)

        if type_ == "zones" and GEOJSON in request.headers.get("accept", ""):
            return Response(zones_geojson(mirror, page().changes), media_type=GEOJSON, headers={"Vary": "Accept"})
        return await pages.first(request, type_, page)

    plainly(operations, pages.again)
    _single(router, services, type_, type_, {})


def _relations(router: APIRouter, services: Services) -> None:
    @router.get(
        "/v1/entities/{id}/relations",
        summary="Relations of an entity, in both directions",
        **described(list_of(Related)),
    )
    async def relations(request: Request, id: ObjectId) -> Response:
        mirror = services.picture()
        return raw_list(
            map(wire.encode, service.relations(mirror, scope_of(request), id)), next_cursor=None, seq=mirror.seq
        )


def _single(router: APIRouter, services: Services, name: str, type_: WorldType, fixed: dict[str, str]) -> None:
    shown = described(WORLD_TYPES[type_], parameters=MOMENT, also={304: None})

    @router.get(f"/v1/{name}/{{id}}", summary=f"One of the {name}", name=f"{name} id", **shown)
    async def single(request: Request, id: ObjectId) -> Response:
        if past.asked(request):
            return await past.forwarded(services, request, name, id)
        change = service.one(services.picture(), scope_of(request), type_, id, filters.having(fixed))
        tag = f'"{change.seq}"'
        headers = {"ETag": tag}
        if change.event.key != id:
            headers["Content-Location"] = f"/v1/{name}/{change.event.key}"
        known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, "*"}:
            return Response(status_code=304, headers=headers)
        return Response(bytes(change.event.body), media_type=JSON, headers=headers)


def _geojson(page: service.Page) -> Response:
    return Response(service.geojson(page.changes), media_type=GEOJSON, headers={"Vary": "Accept"})


def _listed(page: service.Page, seq: int) -> Response:
    return raw_list((bytes(change.event.body) for change in page.changes), next_cursor=page.next, seq=seq)


@cache
def _list_of(type_: WorldType) -> Any:
    """The type of a list's answer, for the OpenAPI page."""
    return list_of(WORLD_TYPES[type_])
