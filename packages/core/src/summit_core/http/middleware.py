"""Pure ASGI middleware: a request id on every answer and log line, and the request metrics."""

import re
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.http.context import set_request_id
from summit_core.ids import new_id
from summit_core.observability.metrics import HTTP_DURATION, HTTP_REQUESTS

REQUEST_ID_HEADER = b"x-request-id"
STREAM_ROUTE = "/v1/stream"
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
        HTTP_REQUESTS.labels(self._service, scope["method"], route, str(status)).inc()
        if route != STREAM_ROUTE:  # it lasts as long as the client looks, which says nothing about latency
            HTTP_DURATION.labels(self._service, scope["method"], route).observe(seconds)
        if route not in {"/livez", "/readyz", "/metrics"}:
            log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _identifier(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _acceptable.match(value):
            return str(value.decode())
    return new_id()
