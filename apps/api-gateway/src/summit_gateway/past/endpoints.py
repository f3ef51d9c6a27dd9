"""Long answers of fabric, passed on as they come: exports and bundles, the audit."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core.errors import UnsupportedMediaTypeError
from summit_core.http.openapi import described

from summit_gateway.body import media_type
from summit_gateway.past.passing import passed
from summit_gateway.services import Services
from summit_gateway.upstream.history import Bundle

ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
NDJSON: Final = "application/x-ndjson"
EXPORTED: Final = ("application/geo+json", "application/vnd.google-earth.kml+xml", "application/gpx+xml", "text/csv")
ZIP: Final = "application/zip"
EXPORT: Final = ("since", "until", "bbox", "polygon", "types", "format", "bundle")


def past_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["past"])

    @router.get(
        "/v1/export",
        summary="What was recorded in an area and an interval",
        **described(str, media=NDJSON, others=EXPORTED, parameters=EXPORT),
    )
    async def export(request: Request) -> Response:
        return await passed(services, request)

    @router.get(
        "/v1/incidents/{id}/bundle", summary="An incident with all that belongs to it", **described(bytes, media=ZIP)
    )
    async def bundle(request: Request, id: ObjectId) -> Response:
        return await passed(services, request)

    @router.get(
        "/v1/audit/export",
        summary="The whole audit of the organisation, with its signed head",
        **described(str, media=NDJSON),
    )
    async def audit_export(request: Request) -> Response:
        return await passed(services, request)

    @router.post("/v1/bundles", summary="Import a bundle", **described(Bundle, 201, body=bytes, body_media=ZIP))
    async def take_in(request: Request) -> Response:
        if media_type(request) != ZIP:
            raise UnsupportedMediaTypeError(f"send Content-Type: {ZIP}", field="content-type")
        return await passed(services, request, request.stream())

    return router
