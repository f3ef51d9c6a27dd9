"""The judge of the answers sees each kind of wrong one: a small service with a planted fault of each kind."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse, Response
from judge import Answer, Judge
from msgspec import Struct
from summit_core.errors import GoneError, NotFoundError
from summit_core.http.app import create_app
from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.observability.health import HealthMonitor

Ask = Callable[..., Awaitable[Any]]


class Thing(Struct):
    size: int


def planted() -> FastAPI:
    """Each route but the first and second breaks its promise in one way."""
    router = APIRouter()

    def route(path: str, answer: Callable[[], Response], **promise: Any) -> None:
        async def endpoint() -> Response:
            return answer()

        router.add_api_route(path, endpoint, **described(Thing, **promise))

    def fail(error: Exception) -> Callable[[], Response]:
        def raises() -> Response:
            raise error

        return raises

    route("/v1/right", lambda: json_response(Thing(size=1)))
    route("/v1/refused/{id}", fail(NotFoundError("nothing by that id")))
    route("/v1/crash", fail(KeyError("a bug")))
    route("/v1/undocumented", fail(GoneError("it was there")))
    route("/v1/shape", lambda: json_response({"size": "large"}))
    route("/v1/kind", lambda: PlainTextResponse("1"))
    route("/v1/truncated", lambda: Response(b'{"size":', media_type="application/json"))
    route("/v1/late", lambda: Response(status_code=504))
    return create_app(
        "planted",
        title="A service with faults",
        health=HealthMonitor(),
        routers=[router],
        lifespan=FastAPI().router.lifespan_context,
        cors_origins="",
    )


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("/v1/right", ""),
        ("/v1/refused/{id}", ""),
        ("/v1/crash", "our own fault"),
        ("/v1/undocumented", "undocumented status"),
        ("/v1/shape", "does not fit its schema at 'size'"),
        ("/v1/kind", "undocumented media type 'text/plain'"),
        ("/v1/truncated", "not JSON"),
        ("/v1/late", "our own fault"),
    ],
)
async def test_each_planted_fault_is_found(asgi: Ask, template: str, fault: str) -> None:
    app = planted()
    path = template.replace("{id}", "7")
    seen = await asgi(app, "GET", path)
    answer = Answer("GET", path, seen.status, seen.headers.get("content-type", ""), seen.body)
    found = list(Judge(app.openapi()).faults("get", template, answer))
    assert fault in " ".join(found)
    assert bool(found) == bool(fault)


def test_what_no_route_has_may_only_be_refused() -> None:
    judge = Judge(planted().openapi())
    wrong_method = Answer("PUT", "/v1/right", 405, "application/problem+json", b"{}")
    assert list(judge.faults("get", "/v1/right", wrong_method)) == []
    assert list(judge.faults("get", "/v1/right", wrong_method._replace(status=200))) == ["200 to what no route has"]
    assert list(judge.faults("get", "/v1/right", wrong_method._replace(status=500)))
    deeper = Answer("GET", "/v1/refused/a/b", 404, "application/problem+json", b"{}")
    assert list(judge.faults("get", "/v1/refused/{id}", deeper)) == []


def test_every_problem_is_said_once_and_no_default_hides_a_status() -> None:
    page = planted().openapi()
    promised = page["paths"]["/v1/refused/{id}"]["get"]["responses"]
    assert {"200", "401", "403", "404", "422", "431", "503", "504"} == set(promised)
    assert all("$ref" in one for status, one in promised.items() if status != "200")
    assert "ValidationError" not in json.dumps(page)
