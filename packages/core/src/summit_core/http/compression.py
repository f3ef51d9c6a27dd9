"""Answers above 1 KB packed with gzip for who asks for it (RFC 9110, section 12.5.3).

Only whole answers to GET, of text: streams and what is sent in pieces stay as they are. Not where an ETag names the
bytes, and never what a POST answers: that may be a secret beside what the caller wrote (BREACH). Lists hold none.
"""

import asyncio
import gzip
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES: Final = 1024
LEVEL: Final = 1
"""1,000 entities are 9 times smaller at level 1 and 10 times at level 9, which takes four times as long."""
IN_A_THREAD: Final = 128 * 1024
TEXT: Final = (b"application/json", b"application/geo+json", b"application/problem+json", b"text/")


class CompressionMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        wanted = accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))
        start: Message | None = None

        async def send_packed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _packable(message):
                start = message
                return
            if start is not None:
                held, start = start, None
                body = message.get("body", b"")
                if not message.get("more_body") and len(body) >= LEAST_BYTES:
                    headers = MutableHeaders(scope=held)
                    headers.add_vary_header("Accept-Encoding")
                    if wanted:
                        small = await packed(body)
                        headers["Content-Encoding"], headers["Content-Length"] = "gzip", str(len(small))
                        message = {**message, "body": small}
                await send(held)
            await send(message)

        await self._app(scope, receive, send_packed)


@lru_cache(maxsize=64)
def accepts_gzip(header: str) -> bool:
    """Whether ``Accept-Encoding`` allows gzip: it, or ``*``, with a weight above zero."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        key, _, value = parameter.strip().partition("=")
        try:
            weights[name.strip()] = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0.0


async def packed(body: bytes) -> bytes:
    """By gzip; what is long, in a thread."""
    if len(body) < IN_A_THREAD:
        return gzip.compress(body, LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)


def _packable(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    content_type = headers.get(b"content-type", b"")
    return (
        start["status"] == 200
        and content_type.startswith(TEXT)
        and not content_type.startswith(b"text/event-stream")
        and b"content-encoding" not in headers
        and b"etag" not in headers
    )
