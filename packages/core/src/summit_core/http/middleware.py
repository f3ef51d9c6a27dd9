"""Pure ASGI middleware: a request id on every answer and log line, and the request metrics."""

import re
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.http.context import set_request_id
from summit_core.ids import new_id
from summit_core.observability.bounded import OTHER
from summit_core.observability.metrics import HTTP_DURATION, HTTP_REQUESTS

REQUEST_ID_HEADER = b"x-request-id"
STREAM_ROUTE = "/v1/stream"
PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})
UNTIMED = PROBES | {STREAM_ROUTE}
"""A stream lasts as long as the client looks and probes are no work: neither says anything about latency."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send any word as a method; only these get a series of their own."""
_acceptable = re.compile(rb"^[A-Za-z0-9\-]{8,64}$")
log = structlog.get_logger(__name__)


class RequestMiddleware:
    """Names each request, counts it by route template, and writes one log line for it."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = _identifier(scope)
        set_request_id(identifier)
        structlog.contextvars.bind_contextvars(request_id=identifier)
        status = 500
        started = perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, identifier.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            self._record(scope, status, perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else OTHER
        HTTP_REQUESTS.labels(self._service, method, route, str(status)).inc()
        if route not in UNTIMED:
            HTTP_DURATION.labels(self._service, method, route).observe(seconds)
        if route not in PROBES:
            log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _identifier(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _acceptable.match(value):
            return str(value.decode())
    return new_id()
