"""H2: one model of errors (RFC 9457) in every service: code, status, retriable, request id, field; nothing internal."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from summit_core import errors
from summit_core.errors import ErrorCode, SummitError
from summit_core.http import problems
from summit_core.http.context import set_request_id

SERVICES = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")
MEMBERS = {"type", "title", "status", "detail", "code", "retriable", "request_id"}
LEAKS = re.compile(
    r"127\.0\.0\.1|localhost|Traceback|site-packages|\.py\b|SELECT |INSERT |asyncpg|aiohttp|postgresql://|nats://|<html",
    re.IGNORECASE,
)
RETRIABLE = {408: True, 409: True, 429: True, 503: True, 504: True}
"""The statuses after which the same request may be sent again; a 409 only while the same key is being worked on."""
Ask = Callable[..., Awaitable[Any]]


INSIDE: list[tuple[Exception, int, str]] = [
    (KeyError("postgresql://summit:secret@127.0.0.1/x"), 500, "internal"),
    (OSError(111, "Connect call failed ('127.0.0.1', 5432)"), 503, "unavailable"),
    (asyncpg.CannotConnectNowError("the database system is starting up"), 503, "unavailable"),
    (asyncpg.AdminShutdownError("terminating connection"), 503, "unavailable"),
    (asyncpg.CrashShutdownError("terminating connection"), 503, "unavailable"),
    (TimeoutError(), 503, "unavailable"),
]


def wrong(answer: Any, status: int, code: str) -> str:
    """What is wrong with an answer that should be a problem; empty when nothing is."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return f"{answer.status} is no problem document: {answer.body[:80]!r}"
    body = json.loads(answer.body)
    if missing := MEMBERS - body.keys():
        return f"without {sorted(missing)}"
    if (answer.status, body["status"], body["code"]) != (status, status, code):
        return f"{answer.status} {body['status']} {body['code']} instead of {status} {code}"
    if body["request_id"] != answer.headers.get("x-request-id"):
        return "the ids of the request differ"
    if found := LEAKS.search(answer.body.decode()):
        return f"it tells {found[0]!r}"
    if body["retriable"] and "retry-after" not in answer.headers:
        return "retriable, but not when"
    return ""


def kinds(of: type[SummitError] = SummitError) -> list[type[SummitError]]:
    return [each for kind in of.__subclasses__() for each in (kind, *kinds(kind)) if each.__module__ == errors.__name__]


FAULTS: list[tuple[str, str, int, str]] = [
    ("GET", "/nothing/here", 404, "not_found"),
    ("DELETE", "/livez", 405, "method_not_allowed"),
    ("BREW", "/livez", 501, "not_implemented"),
]


@pytest.mark.parametrize("service", SERVICES[1:])
@pytest.mark.parametrize(("method", "path", "status", "code"), FAULTS)
async def test_what_no_route_takes(
    asgi: Ask, service_app: Callable[..., FastAPI], service: str, method: str, path: str, status: int, code: str
) -> None:
    answer = await asgi(service_app(service), method, path)
    assert wrong(answer, status, code) == ""
    assert (status != 405) or answer.headers["allow"] == "GET"


@pytest.mark.parametrize("service", SERVICES[1:])
async def test_every_error_is_told_in_the_same_words(
    asgi: Ask, service_app: Callable[..., FastAPI], service: str
) -> None:
    """Every class of error, as any code below the routes of any service may raise it."""
    app = service_app(service)
    for kind in kinds():
        error = kind("what to do about it", field="body.lat", retry_after_s=1.2 if kind.retriable else None)
        answer = await _raised(asgi, app, error)
        assert wrong(answer, kind.status, kind.code) == "", kind.__name__
        assert answer.json()["field"] == "body.lat"
        assert answer.json()["retriable"] is RETRIABLE.get(kind.status, False) or kind is errors.ConflictError
        if kind.retriable:
            assert answer.headers["retry-after"] == "2", "never before the wait is over"


@pytest.mark.parametrize("service", SERVICES[1:])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    INSIDE,
)
async def test_what_breaks_inside_stays_inside(
    asgi: Ask, service_app: Callable[..., FastAPI], service: str, error: Exception, status: int, code: str
) -> None:
    assert wrong(await _raised(asgi, service_app(service), error), status, code) == ""


async def _raised(asgi: Ask, app: FastAPI, error: Exception) -> Any:
    """What the app answers when a route of it raises this; the way to the route is open."""

    async def fail() -> None:
        raise error

    app.router.routes.clear()
    app.router.dependencies.clear()
    app.middleware_stack = None
    app.add_api_route("/fails", fail, dependencies=[])
    return await asgi(app, "GET", "/fails")


async def test_every_error_is_told_so_by_the_running_gateway(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [*((kind("what to do", retry_after_s=2), kind.status, kind.code) for kind in kinds()), *INSIDE]
    for error, status, code in faults:

        async def fail(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(gateway.app.state.services.upstreams, "forward", fail)
        async with gateway.http.get(gateway.url + "/v1/sources", headers=gateway.headers()) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            seen = type("Seen", (), {"status": response.status, "headers": names, "body": await response.read()})
        assert wrong(seen, status, code) == "", error


async def test_the_status_and_the_words_of_a_service_reach_the_caller(gateway: Any, upstream: Any) -> None:
    for status, code in [
        (409, "plan_changed"),
        (404, "not_found"),
        (412, "precondition_failed"),
        (422, "invalid_field"),
    ]:
        upstream.status = status
        upstream.body = {"status": status, "code": code, "detail": "so", "field": "plan_hash", "request_id": "r-1"}
        assert await gateway.post("/v1/tasks/t-1/approve", {"plan_hash": "x"}) == (status, upstream.body)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/v1/nothing", b"", {}, 404, "not_found"),
        ("PUT", "/v1/keys", b"", {}, 405, "method_not_allowed"),
        ("BREW", "/v1/keys", b"", {}, 501, "not_implemented"),
        ("GET", "/v1/keys", b"", {"Authorization": "Bearer nonsense"}, 401, "unauthenticated"),
        ("GET", "/v1/entities?limit=x", b"", {}, 422, "invalid_field"),
        ("GET", "/v1/entities?limit=0", b"", {}, 422, "invalid_field"),
        ("POST", "/v1/keys", b"{", {}, 400, "malformed_json"),
        ("POST", "/v1/keys", b'{"name": 1}', {}, 422, "invalid_field"),
        ("POST", "/v1/keys", b"{}", {"Content-Type": "text/xml"}, 415, "unsupported_media_type"),
        ("POST", "/v1/keys", b" " * 70_000, {}, 413, "too_large"),
        ("GET", "/v1/keys", b"", {"X-Filler": "x" * 34_000}, 431, "headers_too_large"),
    ],
)
async def test_the_gateway_by_hand(
    gateway: Any, method: str, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {"Content-Type": "application/json"} | gateway.headers() | headers
    async with gateway.http.request(method, gateway.url + path, data=body, headers=sent) as response:
        names = {name.lower(): value for name, value in response.headers.items()}
        seen = type("Seen", (), {"status": response.status, "headers": names, "body": await response.read()})
    assert wrong(seen, status, code) == ""
    if status == 422:
        assert json.loads(seen.body)["field"], "a validation error names its field"


@pytest.mark.planted("another shape of an error, plain text, an address of the inside in the words")
@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b'{"error": "no"}', "without"),
        (b"Internal Server Error", "no problem"),
        (b'{"detail": "no route to 127.0.0.1:8001"}', "tells"),
    ],
)
def test_another_shape_or_a_leak_is_noticed(body: bytes, what: str) -> None:
    set_request_id("request-0001")
    good = json.loads(bytes(problems.problem(404, ErrorCode.NOT_FOUND, "nothing").body))
    if body.startswith(b'{"detail"'):
        body = json.dumps(good | json.loads(body)).encode()
    kind = "text/plain" if body.startswith(b"I") else "application/problem+json"
    headers = {"content-type": kind, "x-request-id": "request-0001"}
    assert what in wrong(type("Seen", (), {"status": 404, "headers": headers, "body": body}), 404, "not_found")


@pytest.mark.planted("everything that a service says is a 502 to the caller: a 409 too")
async def test_a_status_that_is_not_passed_on_is_noticed(
    gateway: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise errors.UnavailableError("bad gateway", retry_after_s=1)

    upstream.status, upstream.body = 409, {"status": 409, "code": "plan_changed", "detail": "so", "request_id": "r-1"}
    assert (await gateway.post("/v1/tasks/t-1/approve", {"plan_hash": "x"}))[0] == 409
    monkeypatch.setattr(gateway.app.state.services.upstreams, "forward", broken)
    async with gateway.http.post(
        gateway.url + "/v1/tasks/t-1/approve", json={"plan_hash": "x"}, headers=gateway.headers()
    ) as response:
        names = {name.lower(): value for name, value in response.headers.items()}
        seen = type("Seen", (), {"status": response.status, "headers": names, "body": await response.read()})
    assert "instead of 409" in wrong(seen, 409, "plan_changed")
