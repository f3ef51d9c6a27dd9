"""One deadline for a whole request, from the door to the last service behind it.

The gateway sets it by the class of the route, every call takes what is left of it, and tells the service behind in
``X-Summit-Deadline-Ms``. Whoever finds it passed stops working and answers 504.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.errors import UpstreamTimeoutError
from summit_core.http import problems
from summit_core.http.routes import Route, RouteTable

HEADER: Final = "X-Summit-Deadline-Ms"
_HEADER: Final = HEADER.lower().encode()
DEFAULT_S: Final = 5.0
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
Table = Mapping[Route, float | None]
"""Seconds by method and route template, where they are not :data:`DEFAULT_S`; None is unhurried."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining_s() -> float | None:
    """What is left for the request being answered; None when nothing limits it. May be below zero."""
    at = _deadline.get()
    return None if at is None else at - asyncio.get_running_loop().time()


class DeadlineMiddleware:
    """Ends a request that has not begun to answer at its deadline. What is being sent already is not cut."""

    ANSWERS: Final = frozenset({504})

    def __init__(self, app: ASGIApp, *, table: Table) -> None:
        self._app = app
        self._limits: RouteTable[float | None] = RouteTable(table, DEFAULT_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _stated(scope, self._limits.of(scope["method"], scope["path"]))
        if limit is None:
            _deadline.set(None)
            await self._app(scope, receive, send)
            return
        at = asyncio.get_running_loop().time() + limit
        _deadline.set(at)
        began = False

        async def send_noted(message: Message) -> None:
            nonlocal began
            if not began:
                began = True
                timer.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout_at(at) as timer:
                await self._app(scope, receive, send_noted)
        except TimeoutError:
            if began:
                raise
            await problems.of(passed(limit, safe=scope["method"] in SAFE))(scope, receive, send)


def passed(limit_s: float, *, safe: bool) -> UpstreamTimeoutError:
    """The error of a deadline that has passed. What may have been done must not be sent again blindly."""
    advice = "try again" if safe else "it may have been done all the same: look before you send it again"
    within = f"no answer within {limit_s:.3g} s" if limit_s else "the time for this request is over"
    error = UpstreamTimeoutError(f"{within}; {advice}", retry_after_s=1)
    error.retriable = safe
    return error


def _stated(scope: Scope, limit: float | None) -> float | None:
    """The limit, or less where the caller has less time."""
    for name, value in scope["headers"]:
        if name == _HEADER and value.isdigit() and len(value) <= 9:
            stated = int(value) / 1000
            return stated if limit is None else min(stated, limit)
    return limit
