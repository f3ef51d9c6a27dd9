"""``/v1/stream`` as WebSocket and as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import structlog
from fastapi import APIRouter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message as AsgiMessage
from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from summit_core.errors import SummitError, TooLargeError
from summit_core.http.openapi import described

from summit_gateway.access import STREAM
from summit_gateway.identity import may_stay_of, refusal_of, scope_of
from summit_gateway.past import service as past
from summit_gateway.past.passing import as_events, passed
from summit_gateway.past.service import MOMENT, PastError
from summit_gateway.services import Services
from summit_gateway.stream.frames import sse
from summit_gateway.stream.request import MAX_FRAME, PARAMETERS, Opening, opening_of
from summit_gateway.stream.service import CLOSE_CODES, HEARTBEAT_S, Message, Reader, close_code, moment

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S: Final = 20.0
"""A client that does not take a single frame for so long is gone, whatever its socket says."""
SSE: Final = "text/event-stream"


def stream_router(services: Services, *, heartbeat_s: float = HEARTBEAT_S) -> APIRouter:
    router = APIRouter(tags=["stream"])

    def reader_of(connection: HTTPConnection) -> Reader:
        services.picture()
        return Reader(
            services.hub,
            services.clock,
            may_stay=may_stay_of(connection),
            is_stale=lambda: "mirror" in services.health.loop_problems(),
            heartbeat_s=heartbeat_s,
        )

    @router.get(
        STREAM,
        summary="The live picture as server-sent events; the same address takes a WebSocket",
        **described(str, media=SSE, parameters=(*PARAMETERS, *MOMENT)),
    )
    async def server_sent_events(request: Request) -> Response:
        reader = reader_of(request)
        opening = opening_of(
            _query(request), request.headers.get("last-event-id"), text_only=True, scope=scope_of(request)
        )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        try:
            if past.asked(request) and _is_plain(request):
                target = past.picture_at(request, opening.view.filter.types)
                said = headers | {"Content-Type": f"{SSE}; charset=utf-8"}
                return await passed(services, request, target=target, made=as_events, headers=said)
            messages = await _messages(services, request, reader, opening)
        except PastError as refused:
            return refused.response
        return _EventStream(_events(messages), media_type=SSE, headers=headers)

    @router.websocket(STREAM)
    async def web_socket(socket: WebSocket) -> None:
        await socket.accept()
        try:
            refusal = refusal_of(socket)
            if refusal is not None:
                raise refusal
            reader = reader_of(socket)
            opening = opening_of(
                _query(socket), socket.headers.get("last-event-id"), text_only=False, scope=scope_of(socket)
            )
            await _talk(socket, reader, await _messages(services, socket, reader, opening))
        except PastError as refused:
            await socket.close(CLOSE_CODES.get(refused.response.status_code, 1011), "as_of: refused")
        except SummitError as error:
            await socket.close(close_code(error), error.detail[:120])
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
            log.info("stream client gone", kind=type(error).__name__)

    return router


def _query(connection: HTTPConnection) -> dict[str, str]:
    """What the stream itself understands; a parameter that is named twice has the values of both."""
    found: dict[str, str] = {}
    for name, text in connection.query_params.multi_items():
        if name in MOMENT:
            continue
        found[name] = f"{found[name]},{text}" if name in found else text
    return found


async def _messages(
    services: Services, connection: HTTPConnection, reader: Reader, opening: Opening
) -> AsyncGenerator[Message, None]:
    """Of the live picture, or of one that stands still. Raises :class:`PastError`."""
    if not past.asked(connection):
        return reader.open(opening)
    types = opening.view.filter.types
    if _is_plain(connection):
        return _standing(await past.frames(services, connection, types))
    found, seq = await past.changes(services, connection, types)
    return moment(found, seq, opening.view, services.clock)


def _is_plain(connection: HTTPConnection) -> bool:
    """Whether there is nothing to narrow down, so that frames of the past go through as they come."""
    return _query(connection).keys() <= {"types"}


async def _standing(lines: list[bytes]) -> AsyncGenerator[Message, None]:
    for line in lines:
        yield line.decode(), None


class _Patience:
    """A limit of ``SEND_TIMEOUT_S`` that begins again with what is sent: heartbeats see to it that something is.
    Renewed only now and then, because a timer for each frame would cost more than the frame."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._renewed = self._now()
        self.limit = asyncio.timeout(SEND_TIMEOUT_S)

    def renew(self) -> None:
        now = self._now()
        if now - self._renewed > SEND_TIMEOUT_S / 10:
            self._renewed = now
            self.limit.reschedule(now + SEND_TIMEOUT_S)


class _EventStream(StreamingResponse):
    """One that does not wait for ever for a client that takes nothing."""

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: AsgiMessage) -> None:
            patience.renew()
            await send(message)

        patience = _Patience()
        try:
            async with patience.limit:
                await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("stream client gone", kind="TimeoutError")


async def _events(messages: AsyncGenerator[Message, None]) -> AsyncIterator[bytes]:
    try:
        async with aclosing(messages):
            async for text, seq in messages:
                if isinstance(text, str):
                    yield sse(text, seq)
    except SummitError as error:
        log.info("stream ended", reason=error.detail)


async def _talk(socket: WebSocket, reader: Reader, messages: AsyncGenerator[Message, None]) -> None:
    """Send and listen until the client goes, or until everything was said."""
    sending = asyncio.create_task(_send_all(socket, messages))
    listening = asyncio.create_task(_listen(socket, reader))
    try:
        done, _ = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        sending.cancel()
        listening.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
    if sending in done:  # only now: the server sends no close while somebody waits for the client's words
        await socket.close()


async def _send_all(socket: WebSocket, messages: AsyncGenerator[Message, None]) -> None:
    patience = _Patience()
    async with aclosing(messages), patience.limit:
        async for data, _ in messages:
            patience.renew()
            await (socket.send_text(data) if isinstance(data, str) else socket.send_bytes(data))


async def _listen(socket: WebSocket, reader: Reader) -> None:
    """Reading is also how the end of a client is noticed."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if len(message.get("text") or message.get("bytes") or "") > MAX_FRAME:
            raise TooLargeError(f"a frame may have at most {MAX_FRAME} characters")
        await reader.hear(message.get("text") or "")
