"""Pure ASGI: bounds of what a request may look like before anybody reads it, and of the time that its body may take.

A client that sends a byte now and then (slowloris) would hold a request open for ever: it must send something every
``idle_s``, and all of it within ``body_s`` and the time that ``slowest_bytes_s`` would take.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.errors import RequestTimeoutError, SummitError, TooLargeError
from summit_core.http import problems


class UriTooLongError(TooLargeError):
    status = 414


class HeadersTooLargeError(TooLargeError):
    status = 431


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes and seconds."""

    uri_bytes: int = 8 * 1024
    headers: int = 100
    """How many; of how many bytes, the middleware of all requests bounds."""
    idle_s: float = 4.0
    body_s: float = 20.0
    slowest_bytes_s: float = 64 * 1024


DEFAULT: Final = Bounds()
BODY_FOLLOWS: Final = frozenset({b"content-length", b"transfer-encoding"})


class BoundsMiddleware:
    """Refuses with 414, 431 or 408."""

    ANSWERS: Final = frozenset({408, 414, 431})

    def __init__(self, app: ASGIApp, *, bounds: Bounds = DEFAULT) -> None:
        self._app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except SummitError as error:
            await problems.of(error)(scope, receive, send)
            return
        bodiless = BODY_FOLLOWS.isdisjoint(dict(scope["headers"]))
        await self._app(scope, receive if bodiless else _Patient(receive, self._bounds), send)

    def _check(self, scope: Scope) -> None:
        bounds = self._bounds
        if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > bounds.uri_bytes:
            raise UriTooLongError(f"the address has more than {bounds.uri_bytes} bytes; ask for less", field="url")
        count = len(scope["headers"])
        if count > bounds.headers:
            raise HeadersTooLargeError(f"{count} headers; at most {bounds.headers}", field="headers")


class _Patient:
    """``receive`` until the body is complete; then only the end of the client is waited for, however long."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive = receive
        self._bounds = bounds
        self._now = asyncio.get_running_loop().time
        self._until = self._now() + bounds.body_s
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        left_s = min(self._bounds.idle_s, self._until - self._now())
        try:
            async with asyncio.timeout(left_s):
                message = await self._receive()
        except TimeoutError:
            self._complete = True
            raise RequestTimeoutError("the body came too slowly; send it again, faster or in parts") from None
        self._until += len(message.get("body", b"")) / self._bounds.slowest_bytes_s
        self._complete = not message.get("more_body", False)
        return message
