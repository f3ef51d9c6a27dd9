"""Nothing that changes something is answered before the audit knows of it; what is denied is in it as well."""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from summit_core.audit.trail import Trail
from summit_core.errors import SummitError
from summit_core.http import problems

from summit_gateway.audit.action import ACTION, DATA, Action, HasTrail
from summit_gateway.identity import SAFE_METHODS, refusal_of

JSON: Final = b"json"
ANSWER_READ_AT_MOST: Final = 64 * 1024
NOT_SIGNED_IN: Final = ("GET", "/v1/session")
"""Asks whether one is signed in; that one is not is its answer."""


class AuditMiddleware:
    """Behind whatever finds out who calls. ``services.trail`` is there once the app has started."""

    def __init__(self, app: ASGIApp, *, services: HasTrail) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            self._denied_stream(scope)
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, self._looking(scope, receive, send))
        else:
            await self._request(scope, receive, send)

    def _looking(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """Of a safe method: only what is denied is of interest."""

        async def look(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {401, 403}:
                action = Action(scope, receive, self._services)
                if action.name != NOT_SIGNED_IN:
                    self._services.trail.repeated(action.outcome(message["status"], b"", None))
            await send(message)

        return look

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        action = Action(scope, receive, self._services)
        scope.setdefault("state", {})[ACTION] = action
        answer = _Answer(action, self._services.trail, scope, send)
        try:
            await self._app(scope, action.receive, answer.send)
        finally:
            if action.intended and not answer.recorded:  # it failed, or the caller went: nobody was told anything
                self._services.trail.later(action.record("failed"))

    def _denied_stream(self, scope: Scope) -> None:
        refusal = refusal_of(HTTPConnection(scope))
        if refusal is not None:
            action = Action({**scope, "method": "WEBSOCKET"}, _nothing, self._services)
            self._services.trail.repeated(action.outcome(refusal.status, _code(refusal), None))


class _Answer:
    """The answer of one request on its way out."""

    def __init__(self, action: Action, trail: Trail, scope: Scope, send: Send) -> None:
        self._action, self._trail, self._scope, self._send = action, trail, scope, send
        self._start: Message | None = None
        self._replaced = False
        self.recorded = False

    async def send(self, message: Message) -> None:
        """The beginning waits for the first piece of the body, because that says the code, and for the record."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            try:
                await self._record(start, message.get("body", b""))
            except SummitError as error:
                self._replaced = True
                self._trail.repeated(self._action.outcome(error.status, _code(error), None))
                await problems.of(error)(self._scope, _nothing, self._send)
                return
            await self._send(start)
        if not self._replaced:
            await self._send(message)

    async def _record(self, start: Message, body: bytes) -> None:
        """Raises :class:`UnavailableError` when what was granted without an intention cannot be recorded."""
        headers = {name.lower(): value for name, value in start["headers"]}
        told = body if JSON in headers.get(b"content-type", b"") and len(body) <= ANSWER_READ_AT_MOST else b""
        version = headers.get(b"etag", b"").decode("latin-1") or None
        record = self._action.outcome(start["status"], told, version)
        self.recorded = True
        if self._action.intended:
            await self._trail.settle(record)
        elif record.outcome == "done" and self._action.name not in DATA:
            await self._trail.write(record)
        else:
            self._trail.repeated(record)


def _code(error: SummitError) -> bytes:
    return b'{"code":"%b"}' % error.code.value.encode()


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
