"""Long answers of fabric, passed on as they come."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import ClientError, ClientResponse
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from summit_core.errors import UnavailableError, outward

from summit_gateway.identity import principal_of
from summit_gateway.services import Services

KEPT_HEADERS: Final = ("Content-Disposition", "Content-Type", "Retry-After")
Pieces = AsyncIterator[bytes]


class _Passing(StreamingResponse):
    """Lets go of the upstream's answer however it ends."""

    def __init__(self, parts: Pieces, status: int, headers: dict[str, str], opened: AsyncExitStack) -> None:
        super().__init__(parts, status, headers)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened:
            await super().__call__(scope, receive, send)


async def passed(
    services: Services,
    request: Request,
    data: Pieces | None = None,
    *,
    target: str = "",
    made: Callable[[Pieces], Pieces] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Fabric's answer to the same request, or to one for ``target``. What went well is ``made`` into something else on
    the way, with other ``headers``."""
    query = f"?{request.url.query}" if request.url.query else ""
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(
            services.upstreams.opened(
                *("fabric", request.method, target or request.url.path + query),
                principal=principal_of(request),
                data=data,
            )
        )
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        pieces = _pieces(answer)
        if made is not None and answer.status == 200:
            pieces, kept = made(pieces), headers or {}
        return _Passing(pieces, answer.status, kept, stack.pop_all())


async def _pieces(answer: ClientResponse) -> Pieces:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    except (ClientError, OSError) as error:  # an OSError would be taken for a client that went, and end in good order
        raise UnavailableError(f"the answer broke off: {outward(error)}") from error


async def as_events(lines: Pieces) -> Pieces:
    """Frames, a line each, as server-sent events; none of them is a place to resume from."""
    begins = True
    async for piece in lines:
        ends = piece.endswith(b"\n")
        event = piece.removesuffix(b"\n").replace(b"\n", b"\n\ndata: ")
        yield (b"data: " if begins else b"") + event + (b"\n\n" if ends else b"")
        begins = ends
    if not begins:
        yield b"\n\n"
