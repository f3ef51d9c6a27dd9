"""Long answers of fabric, passed on as they come: exports and bundles."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Final

from aiohttp import ClientError, ClientResponse
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from summit_core.errors import UnavailableError

from summit_gateway.access import principal_of
from summit_gateway.body import UnsupportedMediaTypeError, media_type
from summit_gateway.openapi import describe
from summit_gateway.services import Services
from summit_gateway.upstream.history import Bundle

ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
ZIP: Final = "application/zip"
KEPT_HEADERS: Final = ("Content-Disposition", "Content-Type", "Retry-After")
EXPORT: Final = ("since", "until", "bbox", "polygon", "types", "format", "bundle")


def past_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["past"])

    @router.get(
        "/v1/export",
        summary="What was recorded in an area and an interval",
        **describe(str, media="application/x-ndjson", parameters=EXPORT),
    )
    async def export(request: Request) -> Response:
        return await _passed(services, request)

    @router.get(
        "/v1/incidents/{id}/bundle", summary="An incident with all that belongs to it", **describe(bytes, media=ZIP)
    )
    async def bundle(request: Request, id: ObjectId) -> Response:
        return await _passed(services, request)

    @router.post("/v1/bundles", summary="Import a bundle", **describe(Bundle, 201))
    async def take_in(request: Request) -> Response:
        if media_type(request) != ZIP:
            raise UnsupportedMediaTypeError(f"send Content-Type: {ZIP}", field="content-type")
        return await _passed(services, request, request.stream())

    return router


class _Passing(StreamingResponse):
    """Lets go of the upstream's answer however it ends."""

    def __init__(
        self, parts: AsyncIterator[bytes], status: int, headers: dict[str, str], opened: AsyncExitStack
    ) -> None:
        super().__init__(parts, status, headers)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened:
            await super().__call__(scope, receive, send)


async def _pieces(answer: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    except (ClientError, OSError) as error:  # an OSError would be taken for a client that went, and end in good order
        raise UnavailableError(f"the answer broke off: {error}") from error


async def _passed(services: Services, request: Request, data: AsyncIterator[bytes] | None = None) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(
            services.upstreams.opened("fabric", request.method, target, principal=principal_of(request), data=data)
        )
        headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        return _Passing(_pieces(answer), answer.status, headers, stack.pop_all())
