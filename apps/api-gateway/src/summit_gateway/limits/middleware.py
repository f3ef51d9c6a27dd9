"""Pure ASGI, around :class:`IdentityMiddleware`: stops wrong credentials before they are looked up."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send
from summit_core.errors import RateLimitedError
from summit_core.http import problems

from summit_gateway.limits.service import Limiting


class AttemptsMiddleware:
    """Answers 429. A WebSocket's handshake fails with it: who guesses is owed no reason."""

    ANSWERS: Final = frozenset({429})

    def __init__(self, app: ASGIApp, *, limits: Limiting) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            try:
                self._limits.admit(scope)
            except RateLimitedError as error:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 4429, "reason": error.detail[:120]})
                else:
                    await problems.of(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
