"""Pure ASGI, around everything else: an id and a trace for every request, safe headers, the metrics, one log line."""

import re
from functools import cache
from itertools import chain
from time import perf_counter
from typing import Final
from urllib.parse import unquote_plus

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.errors import ErrorCode
from summit_core.http import problems
from summit_core.http.context import set_request_id
from summit_core.http.headers import secured
from summit_core.http.routes import template_of
from summit_core.ids import passing_id
from summit_core.observability import spans, trace
from summit_core.observability.bounded import OTHER
from summit_core.observability.logs import request_line
from summit_core.observability.metrics import HTTP_DURATION, HTTP_REQUESTS
from summit_core.observability.redact import redact

REQUEST_ID_HEADER: Final = b"x-request-id"
STREAM_ROUTE: Final = "/v1/stream"
PROBES: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})
UNTIMED: Final = PROBES | {STREAM_ROUTE}
"""A stream lasts as long as the client looks and probes are no work: neither says anything about latency."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send any word as a method; only these get a series of their own, the others a 501."""
MAX_HEADER_BYTES: Final = 32 * 1024
_acceptable = re.compile(rb"^[A-Za-z0-9\-]{8,64}$")


class RequestMiddleware:
    """Names each request, counts it by route template, and writes one log line for it."""

    ANSWERS: Final = frozenset({422, 431})

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        # a handful of routes and statuses, found by one look-up instead of by making their names again
        self._counter = cache(lambda method, route, status: HTTP_REQUESTS.labels(service, method, route, str(status)))
        self._timer = cache(lambda method, route: HTTP_DURATION.labels(service, method, route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated, parent = _stated(scope)
        identifier = stated or passing_id()
        span = spans.begin(scope["method"], parent)
        set_request_id(identifier)
        trace.set_current(span.trace)
        structlog.contextvars.bind_contextvars(request_id=identifier, trace_id=span.trace.trace_id)
        status = 500
        started = perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = secured(message["headers"], https=scope.get("scheme") == "https")
                headers.append((REQUEST_ID_HEADER, identifier.encode()))
                message["headers"] = headers
            await send(message)

        try:
            await (_refused(scope) or self._app)(scope, receive, send_named)
        finally:
            named = redact(identifier) if stated else identifier  # the line holds nothing else that we did not make
            self._record(scope, status, perf_counter() - started, span, named)
            structlog.contextvars.unbind_contextvars("request_id", "trace_id")

    def _record(self, scope: Scope, status: int, seconds: float, span: spans.Span, identifier: str) -> None:
        route = template_of(scope)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self._counter(method, route, status).inc()
        if route not in UNTIMED:
            self._timer(method, route).observe(seconds)
        if route not in PROBES:
            request_line(
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                request_id=identifier,
                trace_id=span.trace.trace_id,
            )
        span.end(route, status)


def _stated(scope: Scope) -> tuple[str, trace.Trace | None]:
    """The id that the caller gave the request, empty without one, and the trace that he is in."""
    identifier, parent, state = "", None, ""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER:
            identifier = value.decode() if _acceptable.match(value) else ""
        elif name == b"traceparent":
            parent = value.decode("latin-1")
        elif name == b"tracestate":
            state = value.decode("latin-1")
    return identifier, trace.parse(parent, state)


def _refused(scope: Scope) -> ASGIApp | None:
    """The answer to what is no request of any route."""
    if scope["method"] not in METHODS:
        detail = "this method is known to no route; /openapi.json lists them"
        return problems.problem(501, ErrorCode.NOT_IMPLEMENTED, detail)
    if b"%00" in scope["query_string"]:  # no id, no text that is kept and no filter has it, PostgreSQL refuses it
        part = next(one for one in scope["query_string"].split(b"&") if b"%00" in one)
        field = unquote_plus(part.partition(b"=")[0].decode("latin-1")).replace("\0", "") or "query"
        detail = f"{field}: a text cannot hold the character NUL; leave it out"
        return problems.problem(422, ErrorCode.INVALID_FIELD, detail, field=field)
    if sum(map(len, chain.from_iterable(scope["headers"]))) > MAX_HEADER_BYTES:
        return problems.problem(
            431, ErrorCode.HEADERS_TOO_LARGE, f"the headers of a request may have at most {MAX_HEADER_BYTES} bytes"
        )
    return None
