"""``POST /v1/observations``."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from summit_core.errors import InputError, TooLargeError
from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.model import AnyObservation
from summit_core.observability.trace import TRACEPARENT, traceparent

from summit_gateway.body import media_type, read_bounded
from summit_gateway.identity import principal_of
from summit_gateway.ingest.items import items_of, media_of
from summit_gateway.ingest.service import Outcome
from summit_gateway.services import Services

MAX_BYTES: Final = 16 * 1024 * 1024


def ingest_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["observations"])

    @router.post(
        "/v1/observations",
        summary="Send one observation, an array, or NDJSON, also as MessagePack; 422 when none was accepted",
        **described(Outcome, 202, also={422: Outcome}, body=AnyObservation | list[AnyObservation]),
    )
    async def send(request: Request) -> Response:
        principal = principal_of(request)
        if principal.owner is not None:
            services.picture()  # it says whose each source is
        body = b""
        try:
            body = await read_bounded(request, MAX_BYTES)
            kind = media_type(request)
            items = items_of(body, kind)
            if not items:
                items = [b""]
        except TooLargeError as error:
            size = len(body) or _stated_size(request)
            await services.ingest.refuse(body, error, principal, size=size)
            raise
        except InputError as error:
            await services.ingest.refuse(body, error, principal)
            raise
        await services.limits.items(principal, len(items))
        stated = traceparent() if TRACEPARENT in request.headers else None  # nobody else waits for thousands of traces
        outcome = await services.ingest.accept(items, principal, media_of(kind), trace=stated)
        return json_response(outcome, status=202 if outcome.accepted else 422)

    return router


def _stated_size(request: Request) -> int:
    size = request.headers.get("content-length", "")
    return int(size) if size.isdecimal() else MAX_BYTES + 1
