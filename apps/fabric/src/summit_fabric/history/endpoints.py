"""The routes of the past. The gateway turns reads with ``as_of`` or ``bundle`` into reads of ``/v1/history``."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import IO, Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from summit_core import wire
from summit_core.errors import InputError, TooLargeError, UnavailableError, outward
from summit_core.http.keyset import cursor_behind, key_behind
from summit_core.http.openapi import described, list_of
from summit_core.http.parameters import Moment
from summit_core.http.responses import JSON, json_response, raw_list
from summit_core.model import WORLD_TYPES, Principal, Trail, WorldType
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission
from summit_core.store.pool import UNAVAILABLE

from summit_fabric.history import area, export, trail
from summit_fabric.history.app import History
from summit_fabric.history.bundles import Bundle, file_name
from summit_fabric.history.formats import FORMATS
from summit_fabric.history.gather import Gatherer
from summit_fabric.history.past import Past
from summit_fabric.history.service import etag

KeyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
BundlePath = Annotated[str, Path(pattern=r"^b-[0-9a-f]{32}$")]
BundleQuery = Annotated[str | None, Query(pattern=r"^b-[0-9a-f]{32}$")]
AsOf = Annotated[str | None, Query(max_length=40)]
After = Annotated[str | None, Query(min_length=1, max_length=200)]
GEOJSON: Final = "application/geo+json"
NDJSON: Final = "application/x-ndjson"
ZIP: Final = "application/zip"
FIXED: Final[dict[str, tuple[WorldType, dict[str, str]]]] = {
    "tracks": ("entities", {"kind": "track"}),
    "assets": ("entities", {"kind": "asset"}),
}
NO_FILTER: Final = frozenset({"as_of", "bundle", "limit", "cursor"})
UPLOAD_AT_MOST: Final = 256 * 1024 * 1024
MEDIA: Final = frozenset(one.media.partition(";")[0] for one in FORMATS.values()) - {NDJSON}
LONG_AT_ONCE: Final = 4
"""Exports and bundles that may be underway together; the rest of the database's connections serve short reads."""
PIECE: Final = 64 * 1024
DAY: Final = timedelta(days=1)


class BundleList(Struct, frozen=True, kw_only=True):
    items: list[Bundle]
    next: str | None = None


def history_router(history: Callable[[], History], key: service_key.Key) -> APIRouter:
    """Every route asks for the service key, and for the permission of the person behind the call."""

    async def reader(request: Request) -> None:
        require(service_key.caller(request.headers, key), Permission.READ)

    router = APIRouter(prefix="/v1", dependencies=[Depends(reader)])
    long = asyncio.Semaphore(LONG_AT_ONCE)
    _add_picture(router, history)
    _add_trail(router, history)
    _add_export(router, history, long)
    _add_bundles(router, history, key, long)
    return router


async def _past(history: History, bundle: str | None) -> Past:
    return history.recorded if bundle is None else await history.bundles.past(bundle)


def _add_picture(router: APIRouter, history: Callable[[], History]) -> None:
    @router.get(
        "/history", summary="The whole picture of a moment, as frames of the stream", **described(str, media=NDJSON)
    )
    async def frames(types: str | None = None, as_of: AsOf = None, bundle: BundleQuery = None) -> Response:
        wanted = [name for name in WORLD_TYPES if types is None or name in types.split(",")]
        past = await _past(history(), bundle)
        moment = await history().service.moment(past, as_of, imported=bundle is not None)

        async def lines() -> AsyncGenerator[bytes, None]:
            for mark in ("snapshot", "snapshot-end"):
                yield wire.encode({"op": mark, "seq": moment.seq, "server_time": history().clock.now()}) + b"\n"
                if mark == "snapshot":
                    async for part in history().service.frames(past, wanted, moment):
                        yield part

        return await _streamed(lines(), NDJSON)

    @router.get(
        "/history/{name}", summary="Objects of a moment, by key", **described(list_of(dict[str, Any], "Object"))
    )
    async def page(
        name: str,
        request: Request,
        as_of: AsOf = None,
        bundle: BundleQuery = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: After = None,
    ) -> Response:
        type_, filters = _type_of(name)
        filters = {field: value for field, value in request.query_params.items() if field not in NO_FILTER} | filters
        past = await _past(history(), bundle)
        moment = await history().service.moment(past, as_of, imported=bundle is not None)
        found = await history().service.page(past, type_, filters, moment, limit=limit, after=key_behind(type_, cursor))
        behind = cursor_behind(type_, found.next)
        return raw_list([(one.body or "").encode() for one in found.items], next_cursor=behind, seq=moment.seq)

    @router.get("/history/{name}/{id}", summary="One object of a moment", **described(dict[str, Any], also={304: None}))
    async def one(name: str, id: KeyPath, request: Request, as_of: AsOf = None, bundle: BundleQuery = None) -> Response:
        type_, filters = _type_of(name)
        past = await _past(history(), bundle)
        moment = await history().service.moment(past, as_of, imported=bundle is not None)
        found = await history().service.one(past, type_, id, filters, moment)
        headers = {"ETag": etag(found)}
        if found.key != id:
            headers["Content-Location"] = f"/v1/{name}/{found.key}"
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response((found.body or "").encode(), media_type=JSON, headers=headers)


def _type_of(name: str) -> tuple[WorldType, dict[str, str]]:
    for type_ in WORLD_TYPES:
        if name == type_:
            return type_, {}
    if name not in FIXED:
        raise InputError(f"{name}: no objects of the world", field="name")
    return FIXED[name]


def _add_trail(router: APIRouter, history: Callable[[], History]) -> None:
    @router.get("/entities/{id}/trail", summary="Where an entity was", **described(Trail, others=(GEOJSON,)))
    async def trail_of(
        id: KeyPath,
        request: Request,
        since: Moment | None = None,
        until: Moment | None = None,
        every: Annotated[float | None, Query(ge=0.0, le=1e7)] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        bundle: BundleQuery = None,
    ) -> Response:
        past = await _past(history(), bundle)
        end = await _end(history(), past, until, imported=bundle is not None)
        start = end - DAY if since is None else since.astimezone(UTC)
        if not start < end <= start + export.LONGEST:
            raise InputError(f"since: must lie before until, by at most {export.LONGEST.days} days", field="since")
        found = await history().service.trail(past, id, start, end, every_s=every, limit=limit)
        if GEOJSON in request.headers.get("accept", ""):
            return Response(wire.encode(trail.as_geojson(found)), media_type=GEOJSON, headers={"Vary": "Accept"})
        return json_response(found, headers={"Vary": "Accept"})


async def _end(history: History, past: Past, until: datetime | None, *, imported: bool) -> datetime:
    """Where an open interval ends: now, or after all that a bundle holds. Returns once all before it is recorded."""
    if imported:
        return until.astimezone(UTC) if until else (await past.latest()).at + timedelta(milliseconds=1)
    now = history.clock.now()
    end = until.astimezone(UTC) if until else now
    await history.service.recorded(min(end, now))
    return end


def _add_export(router: APIRouter, history: Callable[[], History], long: asyncio.Semaphore) -> None:
    @router.get(
        "/export", summary="What was recorded in an area and an interval", **described(str, media=NDJSON, others=MEDIA)
    )
    async def exported(
        since: Moment | None = None,
        until: Moment | None = None,
        bbox: Annotated[str | None, Query(max_length=200)] = None,
        polygon: Annotated[str | None, Query(max_length=40_000)] = None,
        types: Annotated[str | None, Query(max_length=200)] = None,
        format: Literal[tuple(FORMATS)] = "ndjson",  # type: ignore[valid-type]  # their names
        bundle: BundleQuery = None,
    ) -> Response:
        past = await _past(history(), bundle)
        end = await _end(history(), past, until, imported=bundle is not None)
        start = end - DAY if since is None else since.astimezone(UTC)
        wanted = export.checked(start, end, types, format, area.read(bbox, polygon))
        disposition = f'attachment; filename="{wanted.file_name}"'
        return await _streamed(
            _turn(export.document(past, wanted), long), FORMATS[format].media, {"Content-Disposition": disposition}
        )


def _add_bundles(
    router: APIRouter, history: Callable[[], History], key: service_key.Key, long: asyncio.Semaphore
) -> None:
    async def administrator(request: Request) -> Principal:
        principal = service_key.caller(request.headers, key)
        require(principal, Permission.ADMINISTER)
        return principal

    @router.get(
        "/incidents/{id}/bundle", summary="An incident with all that belongs to it", **described(bytes, media=ZIP)
    )
    async def bundle_of(id: KeyPath) -> Response:
        async def packed() -> AsyncGenerator[bytes, None]:
            with tempfile.TemporaryFile() as file:
                await Gatherer(history().recorded, id).pack(file)
                file.seek(0)
                while piece := file.read(PIECE):
                    yield piece

        disposition = f'attachment; filename="{file_name(id, history().clock.now())}"'
        return await _streamed(_turn(packed(), long), ZIP, {"Content-Disposition": disposition})

    @router.post("/bundles", summary="Import a bundle", **described(Bundle, 201, body=bytes, body_media=ZIP))
    async def take_in(request: Request, who: Annotated[Principal, Depends(administrator)]) -> Response:
        with tempfile.TemporaryFile() as file:
            await _receive(request, file)
            return json_response(await history().bundles.take_in(file, who), status=201)

    @router.get("/bundles", summary="The imported bundles", **described(BundleList))
    async def bundles() -> Response:
        return json_response(BundleList(items=await history().bundles.all()))

    @router.get("/bundles/{id}", summary="One imported bundle", **described(Bundle))
    async def bundle(id: BundlePath) -> Response:
        return json_response(await history().bundles.one(id))

    @router.delete("/bundles/{id}", summary="Throw an imported bundle away", **described(None, 204))
    async def drop(id: BundlePath, who: Annotated[Principal, Depends(administrator)]) -> Response:
        await history().bundles.drop(id, who)
        return Response(status_code=204)


async def _receive(request: Request, file: IO[bytes]) -> None:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > UPLOAD_AT_MOST:
            raise TooLargeError(f"a bundle may have at most {UPLOAD_AT_MOST} bytes")
        file.write(piece)
    file.seek(0)


async def _turn(parts: AsyncGenerator[bytes, None], long: asyncio.Semaphore) -> AsyncGenerator[bytes, None]:
    """The parts, while one of the few places for long answers is held."""
    if long.locked():
        raise UnavailableError(f"{LONG_AT_ONCE} exports are underway; try again", retry_after_s=5)
    async with long, aclosing(parts):
        async for part in parts:
            yield part


async def _streamed(
    parts: AsyncGenerator[bytes, None], media: str, headers: dict[str, str] | None = None
) -> StreamingResponse:
    """The answer begins with its first part, so what is wrong before that is still a problem document."""
    first = await anext(parts)

    async def body() -> AsyncIterator[bytes]:
        async with aclosing(parts):
            yield first
            try:
                async for part in parts:
                    if part:
                        yield part
            except UNAVAILABLE as error:  # an OSError would be taken for a client that went, and end in good order
                raise UnavailableError(f"the answer broke off: {outward(error)}") from error

    return StreamingResponse(body(), media_type=media, headers=headers)
