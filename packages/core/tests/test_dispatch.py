"""The look-up of routes: it finds what FastAPI's own matching finds, whatever the order of the routes."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import permutations
from typing import Any

import asyncpg
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match
from summit_core.errors import ForbiddenError
from summit_core.http.app import create_app
from summit_core.http.dispatch import Dispatch, plainly
from summit_core.observability.health import HealthMonitor

PATHS = ("/v1/a", "/v1/{id}", "/v1/a/{id}", "/v1/{id}/b", "/v1/a/b")
ASKED = st.lists(st.sampled_from(["v1", "a", "b", "c", "", "x y", "a{"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def app_of(paths: tuple[str, ...]) -> FastAPI:
    router, app = APIRouter(), FastAPI()
    for path in paths:
        router.add_api_route(path, _says(path), methods=["GET"])
    app.include_router(router)
    return app


def _says(path: str) -> Callable[[], Response]:
    return lambda: PlainTextResponse(path)


@given(path=ASKED, method=st.sampled_from(["GET", "POST", "HEAD"]), order=st.sampled_from(list(permutations(PATHS, 5))))
def test_it_finds_what_the_framework_finds(path: str, method: str, order: tuple[str, ...]) -> None:
    app = app_of(order)
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    target = Dispatch(app.router, routes=app.routes)._find(dict(scope))
    expected = next(_matches(app, scope), None)
    assert (None if target is None else target.route.path) == expected


def _matches(app: FastAPI, scope: dict[str, Any]) -> Iterator[str]:
    for context in iter_route_contexts(app.routes):
        if context.path in PATHS and context.matches(dict(scope))[0] is Match.FULL:
            yield context.path


@asynccontextmanager
async def _no_lifespan(_: FastAPI) -> Any:
    yield


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.get("/v1/{id}")
    async def checked(id: int) -> Response:
        return PlainTextResponse(f"checked {id}")

    async def plain(request: Request) -> Response | None:
        if request.path_params["id"] == "7":
            raise ForbiddenError("not seven")
        if request.path_params["id"] == "8":
            raise asyncpg.CannotConnectNowError("starting up at db.example")
        if request.path_params["id"] == "9":
            raise ValueError("our own fault at db.example")
        return PlainTextResponse("plain") if request.path_params["id"].isdecimal() else None

    plainly(checked, plain)
    made = create_app(
        "unit",
        title="Unit",
        health=HealthMonitor(),
        routers=[router],
        lifespan=_no_lifespan,
        cors_origins="",
    )
    made.mount("/", PlainTextResponse("mounted"))
    return made


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "/v1/1", 200, b"plain"),
        ("GET", "/v1/7", 403, b"not seven"),
        ("GET", "/v1/8", 503, b"the database does not answer"),
        ("GET", "/v1/9", 500, b"the log holds this request id"),
        ("GET", "/v1/x", 422, b"id: "),
        ("GET", "/elsewhere", 200, b"mounted"),
        ("GET", "/openapi.json", 200, b"/v1/{id}"),
    ],
)
async def test_what_is_plain_is_answered_so_and_all_else_as_ever(
    app: FastAPI, asgi: Callable[..., Awaitable[Any]], method: str, path: str, status: int, told: bytes
) -> None:
    answer = await asgi(app, method, path)
    assert (answer.status, told in answer.body) == (status, True), answer.body
    assert b"db.example" not in answer.body
