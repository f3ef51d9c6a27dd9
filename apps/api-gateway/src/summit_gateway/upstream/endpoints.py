"""Routes that another service answers, as routes of ours."""

import re
from collections.abc import Awaitable, Callable
from inspect import Parameter, Signature
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from summit_gateway.body import read_small
from summit_gateway.identity import principal_of
from summit_gateway.openapi import describe
from summit_gateway.services import Services
from summit_gateway.upstream.passed import Passed
from summit_gateway.upstream.routes import ROUTES
from summit_gateway.upstream.service import PASSED_ON

_BY_NAME: Final = Parameter.KEYWORD_ONLY
ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]


def upstream_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["records and decisions"])
    for route in ROUTES:
        router.add_api_route(
            route.path,
            _endpoint(services, route),
            methods=[route.method],
            summary=route.summary,
            name=f"{route.method.lower()} {route.path}",
            **describe(route.answer, route.status, body=route.body, parameters=route.parameters),
        )
    return router


def _endpoint(services: Services, route: Passed) -> Callable[..., Awaitable[Response]]:
    async def pass_on(request: Request, **_: str) -> Response:
        query = request.url.query
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        answer = await services.upstreams.forward(
            route.service,
            route.method,
            request.url.path + (f"?{query}" if query else ""),
            principal=principal_of(request),
            headers=headers,
            body=await read_small(request) if route.method != "GET" else None,
            once=route.once and "idempotency-key" in headers,
        )
        return Response(answer.body, answer.status, answer.headers, media_type=answer.content_type)

    # FastAPI checks what the signature declares: each part of the path in braces is a key.
    parts = [Parameter(name, _BY_NAME, annotation=ObjectId) for name in re.findall(r"{(\w+)}", route.path)]
    request = Parameter("request", _BY_NAME, annotation=Request)
    pass_on.__signature__ = Signature([request, *parts])  # type: ignore[attr-defined]  # functions do take one
    return pass_on
