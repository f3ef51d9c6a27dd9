"""People change what they have just seen at the gateway: the picture is brought level before a change is judged."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AbreastMiddleware:
    """Waits for ``caught_up`` before each request that may change something."""

    def __init__(self, app: ASGIApp, *, caught_up: Callable[[], Awaitable[None]]) -> None:
        self._app, self._caught_up = app, caught_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in READING:
            await self._caught_up()
        await self._app(scope, receive, send)
