"""The routes of fabric: what was observed, by whom, what was refused, what rests on what."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from summit_core import wire
from summit_core.http.keyset import cursor_behind, key_behind
from summit_core.http.openapi import described, list_of
from summit_core.http.parameters import Moment
from summit_core.http.responses import JSON, json_response, raw_list
from summit_core.model import AnyObservation, DeadLetter, Lineage, OpenLetter, Principal, Replayed, SourceAccount
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_fabric.cells import stored_cells
from summit_fabric.deadletters import LetterFilter
from summit_fabric.history import area
from summit_fabric.judge import Door
from summit_fabric.lineage import UUID
from summit_fabric.queries import Cursor, ObservationFilter
from summit_fabric.service import FabricService

KEY = r"^[A-Za-z0-9_:\-]{1,64}$"
Kind = Literal["position", "bearing", "hotspot", "detection", "measurement", "report", "telemetry"]
KeyPath = Annotated[str, Path(pattern=KEY)]
UuidPath = Annotated[str, Path(pattern=f"^{UUID.pattern}$")]
KeyQuery = Annotated[str | None, Query(pattern=KEY)]
ListCursor = Annotated[str | None, Query(min_length=1, max_length=200)]
CodeQuery = Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,40}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
AreaQuery = Annotated[str | None, Query(max_length=40_000)]
CellQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{15}$")]
CursorQuery = Annotated[str | None, Query(max_length=200)]


class Count(Struct, frozen=True):
    count: int


def fabric_router(service: Callable[[], FabricService], key: service_key.Key) -> APIRouter:
    """Every route asks for the service key, and for the permission of the person behind the call."""

    async def reader(request: Request) -> None:
        _permitted(request, key, Permission.READ)

    router = APIRouter(prefix="/v1", dependencies=[Depends(reader)])
    _add_observations(router, service)
    _add_sources(router, service)
    _add_dead_letters(router, service, key)

    @router.get("/lineage/{id}", summary="From anything back to its raw observations", **described(Lineage))
    async def lineage(id: KeyPath) -> Response:
        return json_response(await service().lineage(id))

    return router


def _add_observations(router: APIRouter, service: Callable[[], FabricService]) -> None:
    @router.get(
        "/observations",
        summary="Stored observations, newest first",
        **described(list_of(AnyObservation, "Observation")),
    )
    async def observations(
        source: KeyQuery = None,
        kind: Kind | None = None,
        recording: KeyQuery = None,
        since: Moment | None = None,
        until: Moment | None = None,
        bbox: AreaQuery = None,
        polygon: AreaQuery = None,
        h3: CellQuery = None,
        limit: Limit = 100,
        cursor: ListCursor = None,
    ) -> Response:
        told = ObservationFilter(source=source, kind=kind, recording=recording, since=since, until=until)
        wanted = replace(told, area=area.read(bbox, polygon), cells=stored_cells(h3) if h3 else None)
        after = Cursor.parse(cursor) if cursor else None
        bodies, more = await service().queries.observations(wanted, limit=limit, after=after)
        return raw_list(bodies, next_cursor=more.text() if more else None, seq=service().seq)

    @router.get("/observations/count", summary="How many are stored", **described(Count))
    async def count(source: KeyQuery = None, recording: KeyQuery = None) -> Response:
        wanted = ObservationFilter(source=source, recording=recording)
        return json_response(Count(await service().queries.count(wanted)))

    @router.get("/observations/{id}", summary="One stored observation", **described(AnyObservation))
    async def observation(id: UuidPath) -> Response:
        return Response(await service().observation(id), media_type=JSON)


def _add_sources(router: APIRouter, service: Callable[[], FabricService]) -> None:
    @router.get(
        "/sources", summary="Loss accounting of every source, by id", **described(list_of(SourceAccount, "Source"))
    )
    async def sources(limit: Limit = 1000, cursor: CursorQuery = None) -> Response:
        found = await service().sources(limit=limit + 1, after=key_behind("sources", cursor))
        more = cursor_behind("sources", found[limit - 1].id if len(found) > limit else None)
        return raw_list(map(wire.encode, found[:limit]), next_cursor=more, seq=service().seq)

    @router.get("/sources/{id}", summary="Loss accounting of one source", **described(SourceAccount))
    async def source(id: KeyPath) -> Response:
        return json_response(await service().source(id))


def _add_dead_letters(router: APIRouter, service: Callable[[], FabricService], key: service_key.Key) -> None:
    async def operator(request: Request) -> Principal:
        return _permitted(request, key, Permission.OPERATE)

    async def administrator(request: Request) -> Principal:
        return _permitted(request, key, Permission.ADMINISTER)

    @router.get("/dead-letters", summary="Refused input, newest first", **described(list_of(DeadLetter)))
    async def dead_letters(
        code: CodeQuery = None,
        source: KeyQuery = None,
        door: Door | None = None,
        since: Moment | None = None,
        limit: Limit = 100,
        cursor: CursorQuery = None,
    ) -> Response:
        wanted = LetterFilter(code=code, source=source, door=door, since=since)
        after = Cursor.parse(cursor) if cursor else None
        letters, more = await service().letters.page(wanted, limit=limit, after=after)
        return raw_list(map(wire.encode, letters), next_cursor=more.text() if more else None, seq=service().seq)

    @router.get("/dead-letters/{id}", summary="One refused input with its bytes", **described(OpenLetter))
    async def dead_letter(id: UuidPath) -> Response:
        return json_response(await service().letters.read(id))

    @router.post(
        "/dead-letters/{id}/replay",
        summary="Send the original bytes through validation again",
        **described(Replayed, 202),
    )
    async def replay(id: UuidPath, who: Annotated[Principal, Depends(operator)]) -> Response:
        return json_response(await service().letters.replay(id, who), status=202)

    @router.delete("/dead-letters/{id}", summary="Throw a refused input away", **described(None, 204))
    async def drop(id: UuidPath, who: Annotated[Principal, Depends(administrator)]) -> Response:
        await service().letters.drop(id, who)
        return Response(status_code=204)


def _permitted(request: Request, key: service_key.Key, permission: Permission) -> Principal:
    principal = service_key.caller(request.headers, key)
    require(principal, permission)
    return principal
