"""Routes that another service answers, as routes of ours."""

import re
from collections.abc import Awaitable, Callable
from inspect import Parameter, Signature
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.client import Answer
from summit_core.http.dispatch import plainly
from summit_core.http.openapi import described
from summit_core.http.responses import Ready

from summit_gateway.body import read_small
from summit_gateway.guard import guard
from summit_gateway.identity import principal_of
from summit_gateway.services import Services
from summit_gateway.upstream.passed import Passed
from summit_gateway.upstream.routes import ROUTES
from summit_gateway.upstream.service import PASSED_ON

_BY_NAME: Final = Parameter.KEYWORD_ONLY
ID: Final = r"^[A-Za-z0-9_:\-]{1,64}$"
ObjectId = Annotated[str, Path(pattern=ID)]
BODILESS: Final = frozenset({204, 304})
_is_id: Final = re.compile(ID.removesuffix("$")).fullmatch
_PASSED_ON: Final = frozenset(name.encode() for name in PASSED_ON)


def upstream_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["records and decisions"])
    for route in ROUTES:
        router.add_api_route(
            route.path,
            _endpoint(services, route),
            methods=[route.method],
            summary=route.summary,
            name=f"{route.method.lower()} {route.path}",
            **described(
                route.answer,
                route.status,
                others=route.others,
                body=route.body,
                parameters=route.parameters,
                condition=route.condition,
            ),
        )
    return router


def _endpoint(services: Services, route: Passed) -> Callable[..., Awaitable[Response]]:
    async def pass_on(request: Request, **_: str) -> Response:
        scope = request.scope
        query, headers = scope["query_string"].decode("latin-1"), _passed_on(scope["headers"])
        answer = await services.upstreams.forward(
            route.service,
            route.method,
            scope["path"] + (f"?{query}" if query else ""),
            principal=principal_of(request),
            headers=headers,
            body=await read_small(request) if route.method != "GET" else None,
            once=route.once and "idempotency-key" in headers,
        )
        return Ready(answer.body, answer.status, _shown(answer))

    async def plain(request: Request) -> Response | None:
        if not all(map(_is_id, request.path_params.values())):
            return None
        await guard(request)
        return await pass_on(request)

    # FastAPI checks what the signature declares: each part of the path in braces is a key.
    parts = [Parameter(name, _BY_NAME, annotation=ObjectId) for name in re.findall(r"{(\w+)}", route.path)]
    request = Parameter("request", _BY_NAME, annotation=Request)
    pass_on.__signature__ = Signature([request, *parts])  # type: ignore[attr-defined]  # functions do take one
    plainly(pass_on, plain)
    return pass_on


def _shown(answer: Answer) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, as they go to who asked."""
    shown = [(name.lower().encode(), said.encode("latin-1")) for name, said in answer.headers.items()]
    if answer.status not in BODILESS:
        kind = answer.content_type + ("; charset=utf-8" if answer.content_type.startswith("text/") else "")
        shown += (b"content-length", b"%d" % len(answer.body)), (b"content-type", kind.encode("latin-1"))
    return shown


def _passed_on(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Of a header that was sent twice the first, which is what everybody else here reads."""
    return {name.decode(): value.decode("latin-1") for name, value in reversed(headers) if name in _PASSED_ON}
