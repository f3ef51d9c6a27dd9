"""``/v1/stream`` as WebSocket and as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import structlog
from fastapi import APIRouter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from summit_core.errors import SummitError

from summit_gateway.access import STREAM, principal_of, refusal_of
from summit_gateway.openapi import describe
from summit_gateway.services import Services
from summit_gateway.stream.frames import sse
from summit_gateway.stream.service import HEARTBEAT_S, Message, Reader, close_code, since_of, types_of

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S: Final = 20.0
"""A client that does not take a single frame for so long is gone, whatever its socket says."""
SSE: Final = "text/event-stream"


def stream_router(services: Services, *, heartbeat_s: float = HEARTBEAT_S) -> APIRouter:
    router = APIRouter(tags=["stream"])

    def open_stream(connection: HTTPConnection) -> AsyncGenerator[Message, None]:
        services.picture()
        principal = principal_of(connection)
        query = connection.query_params
        reader = Reader(
            services.hub,
            services.clock,
            may_stay=lambda: services.keys.is_good(principal.id),
            is_stale=lambda: "mirror" in services.health.loop_problems(),
            heartbeat_s=heartbeat_s,
        )
        since = query.get("from") or connection.headers.get("last-event-id")
        return reader.open(since_of(since), types_of(query.get("types")))

    @router.get(
        STREAM,
        summary="The live picture as server-sent events; the same address takes a WebSocket",
        **describe(str, media=SSE, parameters=("from", "types")),
    )
    async def server_sent_events(request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(open_stream(request)), media_type=SSE, headers=headers)

    @router.websocket(STREAM)
    async def web_socket(socket: WebSocket) -> None:
        await socket.accept()
        try:
            refusal = refusal_of(socket)
            if refusal is not None:
                raise refusal
            await _talk(socket, open_stream(socket))
        except SummitError as error:
            await socket.close(close_code(error), error.detail[:120])
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
            log.info("stream client gone", kind=type(error).__name__)

    return router


async def _events(messages: AsyncGenerator[Message, None]) -> AsyncIterator[bytes]:
    try:
        async with aclosing(messages):
            async for text, seq in messages:
                yield sse(text, seq)
    except SummitError as error:
        log.info("stream ended", reason=error.detail)


async def _talk(socket: WebSocket, messages: AsyncGenerator[Message, None]) -> None:
    """Send until the client goes; what it says is not for us, but reading is how its end is noticed."""
    sending = asyncio.create_task(_send_all(socket, messages))
    listening = asyncio.create_task(_until_closed(socket))
    try:
        done, _ = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        sending.cancel()
        listening.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)


async def _send_all(socket: WebSocket, messages: AsyncGenerator[Message, None]) -> None:
    async with aclosing(messages):
        async for text, _ in messages:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await socket.send_text(text)


async def _until_closed(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
