"""Load shedding: what cannot be done in time is refused at once, while refusing is still cheap.

In one event loop all requests that were let in share one processor, so the number of those underway is the queue. Above
the bound a request is answered 503 with ``Retry-After`` before anything is done for it. What people need in an incident
(``urgent``) has room of its own above the bound, and health is never refused: a service that is busy is not dead.
"""

from collections import deque
from collections.abc import Iterable
from math import ceil
from time import perf_counter
from typing import Final

from prometheus_client import Counter, Gauge
from starlette.types import ASGIApp, Receive, Scope, Send

from summit_core.errors import OverloadedError
from summit_core.http import problems
from summit_core.http.routes import Route, RouteTable

AT_ONCE: Final = 256
URGENT_ROOM: Final = 2
"""Urgent requests are refused only above so many times the bound."""
NEVER_SHED: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})
IN_FLIGHT = Gauge("summit_requests_in_flight", "Requests that are being answered", ["service"])
SHED = Counter("summit_requests_shed_total", "Requests refused because too many were underway", ["service"])


class LoadMiddleware:
    """``unbounded`` are routes (method, template) that last, such as streams: they have limits of their own."""

    ANSWERS: Final = frozenset({503})

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        at_once: int = AT_ONCE,
        urgent: Iterable[Route] = (),
        unbounded: Iterable[Route] = (),
    ) -> None:
        self._app, self._at_once = app, at_once
        self._urgent = RouteTable(dict.fromkeys(urgent, True), default=False)
        self._unbounded = RouteTable(dict.fromkeys(unbounded, True), default=False)
        self._in_flight, self._shed = IN_FLIGHT.labels(service), SHED.labels(service)
        self._underway = 0
        self._ended: deque[float] = deque(maxlen=64)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in NEVER_SHED:
            await self._app(scope, receive, send)
            return
        if self._underway >= self._at_once and not self._has_room(scope["method"], scope["path"]):
            self._shed.inc()
            error = OverloadedError("too many requests are underway; try again", retry_after_s=self._wait_s())
            await problems.of(error)(scope, receive, send)
            return
        if self._unbounded.of(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        self._underway += 1
        self._in_flight.set(self._underway)
        try:
            await self._app(scope, receive, send)
        finally:
            self._underway -= 1
            self._in_flight.set(self._underway)
            self._ended.append(perf_counter())

    def _has_room(self, method: str, path: str) -> bool:
        return self._underway < URGENT_ROOM * self._at_once and self._urgent.of(method, path)

    def _wait_s(self) -> int:
        """How long those underway will take at the pace of the last ones; a second at least, half a minute at most."""
        if len(self._ended) < 2:
            return 1
        each = (perf_counter() - self._ended[0]) / len(self._ended)
        return min(30, max(1, ceil(each * self._underway)))
