"""Pure ASGI, inside of who calls and how often: answers a POST with a known ``Idempotency-Key`` without doing it again.

A request without the header passes untouched: no body is held, no database asked.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from summit_core.errors import SummitError, TooLargeError
from summit_core.http import problems
from summit_core.model import Principal

from summit_gateway.body import read_bounded
from summit_gateway.idempotency.key import HEADER, Request, fingerprint, key_of
from summit_gateway.idempotency.service import Idempotency
from summit_gateway.idempotency.store import Answer
from summit_gateway.identity import PRINCIPAL
from summit_gateway.limits.rules import caller

_HEADER: Final = HEADER.encode()
MAX_BODY: Final = 16 * 1024 * 1024
STREAMED: Final = "/v1/bundles"
"""Bodies that nobody holds in memory: there the stated length stands for the body."""
REPLAYED: Final = "Idempotency-Replayed"


class HasIdempotency:
    idempotency: Idempotency


class IdempotencyMiddleware:
    """``services.idempotency`` is there once the app has started."""

    def __init__(self, app: ASGIApp, *, services: HasIdempotency) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = scope.get("state", {}).get(PRINCIPAL)
        if scope["type"] != "http" or scope["method"] != "POST" or not isinstance(principal, Principal):
            await self._app(scope, receive, send)
            return
        if not any(name == _HEADER for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        try:
            request, receive = await _read(scope, receive, principal)
            begun = await self._services.idempotency.begin(request)
        except SummitError as error:
            await problems.of(error)(scope, receive, send)
            return
        if isinstance(begun, Answer):
            headers = begun.headers | {REPLAYED: "true"}
            await Response(begun.body, begun.status, headers)(scope, receive, send)
        elif begun is None:
            await self._app(scope, receive, send)
        else:
            await self._do(request, begun, scope, receive, send)

    async def _do(self, request: Request, attempt: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer is kept before it is sent: what the caller has seen can be given again."""
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app(scope, receive, hold)
        if held:
            headers = {name.lower(): value for name, value in Headers(raw=held[0]["headers"]).items()}
            body = b"".join(message.get("body", b"") for message in held[1:])
            await self._services.idempotency.finish(request, attempt, Answer(held[0]["status"], headers, body))
        for message in held:
            await send(message)


async def _read(scope: Scope, receive: Receive, principal: Principal) -> tuple[Request, Receive]:
    """The request as it is remembered, and its body to be read again. Raises :class:`InputError`."""
    http = HttpRequest(scope, receive)
    key = key_of(http.headers[HEADER])
    parts = [scope["query_string"], http.headers.get("content-type", "").encode("latin-1")]
    if scope["path"] == STREAMED:
        parts.append(http.headers.get("content-length", "").encode("latin-1"))
        again = receive
    else:
        body = await _body(http)
        parts.append(body)
        again = _replay(body, receive)
    return Request(caller(principal, ""), f"POST {scope['path']}", key, fingerprint(*parts)), again


async def _body(http: HttpRequest) -> bytes:
    try:
        return await read_bounded(http, MAX_BODY)
    except TooLargeError as error:
        error.field = "body"
        raise


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
