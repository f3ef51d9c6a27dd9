"""What is around every service: ids, headers, deadline, load, compression, origins; called as a server calls it."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs
from summit_core.errors import ConflictError, ErrorCode
from summit_core.http import deadline, load
from summit_core.http.app import create_app
from summit_core.http.compression import accepts_gzip
from summit_core.http.cors import origins
from summit_core.http.responses import json_response
from summit_core.http.routes import RouteTable
from summit_core.observability.health import HealthMonitor

Ask = Callable[..., Awaitable[Any]]
BIG = [{"id": f"entity-{number}", "kind": "track"} for number in range(100)]


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def app_of(router: APIRouter, **more: Any) -> FastAPI:
    return create_app(
        "unit", title="unit", health=HealthMonitor(), routers=[router], lifespan=nothing, cors_origins="", **more
    )


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()
    app = app_of(router)
    app.state.hold = asyncio.Event()

    @app.get("/list")
    async def listed(request: Request) -> Response:
        return json_response(BIG)

    @app.post("/list")
    async def made() -> Response:
        return json_response(BIG)

    @app.get("/one")
    async def one() -> Response:
        return json_response(BIG, headers={"ETag": '"1"'})

    @app.get("/small")
    async def small() -> Response:
        return json_response({"left_ms": round((deadline.remaining_s() or 0.0) * 1000)})

    @app.get("/fault")
    async def fault() -> Response:
        raise KeyError("postgresql://summit:secret@db.internal:5432/summit")

    @app.api_route("/hold/{id}", methods=["GET", "POST"])
    async def hold(id: str, request: Request) -> Response:
        await request.app.state.hold.wait()
        return json_response({})

    @app.get("/conflict")
    async def conflict() -> Response:
        raise ConflictError("taken", code=ErrorCode.PLAN_CHANGED, field="plan_hash")

    return app


async def test_our_own_fault_has_an_id_and_headers_and_says_nothing(app: FastAPI, asgi: Ask) -> None:
    with capture_logs() as logs:
        answer = await asgi(app, "GET", "/fault", x_request_id="request-0001")
    assert any(line["event"] == "request failed" for line in logs), "the log holds it"
    assert answer.status == 500
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("request-0001", "request-0001")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"internal:", "secret", "KeyError"} & set(answer.body.decode().split())
    assert answer.json()["retriable"] is False, "who repeats it blindly may do it twice"


@pytest.mark.parametrize("path", ["/list", "/conflict", "/nothing", "/livez"])
async def test_every_answer_is_safe_to_show(app: FastAPI, asgi: Ask, path: str) -> None:
    headers = (await asgi(app, "GET", path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


async def test_https_stays_https(app: FastAPI, asgi: Ask) -> None:
    assert "max-age=31536000" in (await asgi(app, "GET", "/list", scheme="https")).headers["strict-transport-security"]


async def test_versions_may_be_kept_by_their_reader_alone(app: FastAPI, asgi: Ask) -> None:
    assert (await asgi(app, "GET", "/one")).headers["cache-control"] == "private, no-cache"


async def test_lists_are_packed_for_who_asks(app: FastAPI, asgi: Ask) -> None:
    packed = await asgi(app, "GET", "/list", accept_encoding="br, gzip;q=0.5")
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert int(packed.headers["content-length"]) == len(packed.body) < 1000
    assert json.loads(gzip.decompress(packed.body)) == BIG
    plain = await asgi(app, "GET", "/list", accept_encoding="gzip;q=0")
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]
    assert json.loads(plain.body) == BIG


@pytest.mark.parametrize(("method", "path"), [("POST", "/list"), ("GET", "/one"), ("GET", "/small")])
async def test_what_may_be_a_secret_a_version_or_is_small_is_not(
    app: FastAPI, asgi: Ask, method: str, path: str
) -> None:
    assert "content-encoding" not in (await asgi(app, method, path, accept_encoding="gzip")).headers


@given(st.text(alphabet="gzip*;q=01., ", max_size=40))
def test_any_accept_encoding_is_read(text: str) -> None:
    assert accepts_gzip(text) in {True, False}
    assert accepts_gzip("gzip;q=0, " + text.replace("gzip", "")) is False


async def test_a_request_ends_at_its_deadline(app: FastAPI, asgi: Ask) -> None:
    started = asyncio.get_running_loop().time()
    answer = await asgi(app, "GET", "/hold/1", x_summit_deadline_ms="100")
    assert asyncio.get_running_loop().time() - started < 1.0
    assert (answer.status, answer.json()["code"], answer.json()["retriable"]) == (504, "upstream_timeout", True)
    assert answer.headers["retry-after"] == "1"
    answer = await asgi(app, "POST", "/hold/1", x_summit_deadline_ms="50")
    assert (answer.status, answer.json()["retriable"]) == (504, False), "it may have been done"


async def test_a_caller_may_have_less_time_but_not_more(app: FastAPI, asgi: Ask) -> None:
    assert 1900 < (await asgi(app, "GET", "/small", x_summit_deadline_ms="2000")).json()["left_ms"] <= 2000
    for stated in ("900000", "-1", "soon", "1e9", ""):
        assert 4900 < (await asgi(app, "GET", "/small", x_summit_deadline_ms=stated)).json()["left_ms"] <= 5000


def test_each_class_of_route_has_its_own() -> None:
    table: RouteTable[float | None] = RouteTable(
        {("GET", "/v1/stream"): None, ("GET", "/v1/incidents/{id}/bundle"): None, ("POST", "/v1/x"): 10.0}, 5.0
    )
    assert table.of("GET", "/v1/stream") is None
    assert table.of("GET", "/v1/incidents/i-1/bundle") is None
    assert table.of("GET", "/v1/incidents/i-1") == table.of("POST", "/v1/stream") == 5.0
    assert table.of("POST", "/v1/x") == 10.0


async def test_above_the_bound_requests_are_refused_at_once(asgi: Ask) -> None:
    router, release = APIRouter(), asyncio.Event()

    @router.post("/hold")
    @router.post("/ack/{id}")
    async def hold(id: str = "") -> Response:
        await release.wait()
        return json_response({})

    app = app_of(router, at_once=4, urgent=[("POST", "/ack/{id}")])
    waiting = [asyncio.create_task(asgi(app, "POST", "/hold")) for _ in range(4)]
    await turns()
    refused = await asgi(app, "POST", "/hold")
    assert (refused.status, refused.json()["code"], refused.json()["retriable"]) == (503, "overloaded", True)
    assert int(refused.headers["retry-after"]) >= 1
    assert (await asgi(app, "GET", "/livez")).status == 200, "busy is not dead"
    urgent = [asyncio.create_task(asgi(app, "POST", "/ack/a-1")) for _ in range(5)]
    await turns()
    assert [one.done() for one in urgent] == [False] * 4 + [True], "there is room for what cannot wait"
    release.set()
    statuses = [(await one).status for one in (*waiting, *urgent)]
    assert statuses == [200] * 8 + [503], "but not without end"
    assert (await asgi(app, "POST", "/hold")).status == 200
    assert REGISTRY.get_sample_value("summit_requests_in_flight", {"service": "unit"}) == 0


def test_a_second_is_the_least_wait_and_half_a_minute_the_longest() -> None:
    guard = load.LoadMiddleware(lambda *_: None, service="unit")  # type: ignore[arg-type]  # is never called
    assert guard._wait_s() == 1
    guard._ended.extend([-1000.0, -900.0])
    guard._underway = 256
    assert guard._wait_s() == 30


async def test_what_is_no_request_of_ours(app: FastAPI, asgi: Ask) -> None:
    unknown = await asgi(app, "BREW", "/list")
    assert (unknown.status, unknown.json()["code"]) == (501, "not_implemented")
    large = await asgi(app, "GET", "/list", cookie="x" * 40_000)
    assert (large.status, large.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("text", ["*", "https://*.example", "https://a.example/path", "a.example", "null", "a b"])
def test_only_exact_origins_are_taken(text: str) -> None:
    with pytest.raises(SystemExit, match="CORS_ORIGINS"):
        origins(f"https://ops.example, {text}")


def test_origins_may_have_ports_and_addresses() -> None:
    listed = "http://localhost:3000, https://[::1]:8443 ,https://ops.example"
    assert origins(listed) == ["http://localhost:3000", "https://[::1]:8443", "https://ops.example"]
