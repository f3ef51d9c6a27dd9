"""One TCP or TLS connection to a NATS server: what comes is parsed, what goes is sent in few pieces."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from summit_core.bus.message import Message
from summit_core.bus.protocol import PING, PONG, Control, Parser, ProtocolError
from summit_core.bus.server import Server

CONNECT_TIMEOUT_S: Final = 2.0
DRAIN_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 1.0
MAX_OUTSTANDING_PINGS: Final = 2
Handler = Callable[[Message], None]
ABOUT_ONE_SUBJECT: Final = "Permissions Violation"


class Info(msgspec.Struct):
    """What the server says of itself."""

    max_payload: int = 1024 * 1024
    tls_required: bool = False


class Link(asyncio.Protocol):
    """One TCP or TLS connection, from the dial to its loss. ``lost`` then holds the reason."""

    def __init__(self, handlers: Mapping[int, Handler], complain: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._handlers, self._complain = handlers, complain
        self._parser = Parser()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._pings: deque[asyncio.Future[None]] = deque()
        self.reason = "closed by the server"
        self._writable = asyncio.Event()
        self._writable.set()
        self.hello: asyncio.Future[Info] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.info = Info()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream, so it is a Transport

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._parser.feed(data):
                if isinstance(frame, Control):
                    self._obey(frame)
                elif handler := self._handlers.get(frame.sid):  # else its subscription was just cancelled
                    handler(frame)
        except (ProtocolError, msgspec.DecodeError) as error:
            self.abort(f"{type(error).__name__}: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        reason = f"{self.reason}: {error}" if error else self.reason
        self._writable.set()
        self.lost.set_result(reason)
        waiting: list[asyncio.Future[Any]] = [self.hello, *self._pings]
        for future in waiting:
            if not future.done():
                future.set_exception(ConnectionError(reason))
                future.exception()  # nobody need wait for it

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def write(self, data: bytes) -> None:
        """What is written in one turn of the loop goes out in one piece."""
        self._out.append(data)
        if len(self._out) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    async def drain(self) -> None:
        """Send what is written; wait while the server takes no more. Gives up on one that does not for long."""
        self.flush()
        if not self._writable.is_set():
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._writable.wait()

    async def ping(self) -> None:
        """A round trip; raises :class:`ConnectionError` when the connection is lost meanwhile."""
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pings.append(pong)
        self.write(PING)
        await pong

    def look_alive(self) -> None:
        """Give the connection up when the server has not answered the last pings, else ping again."""
        if len(self._pings) >= MAX_OUTSTANDING_PINGS:
            self.abort("the server does not answer pings")
        else:
            self._pings.append(asyncio.get_running_loop().create_future())
            self.write(PING)

    async def start_tls(self, server: Server, context: ssl.SSLContext | None) -> None:
        """``context``: None believes what the machine believes."""
        if self._transport is None:
            raise ConnectionError(self.reason)
        context = ssl.create_default_context() if context is None else context
        self._transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_hostname=server.host, ssl_handshake_timeout=CONNECT_TIMEOUT_S
        )

    def abort(self, reason: str) -> None:
        """At once, without what is not yet sent."""
        self.reason = reason
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """After what is written has been sent, if that goes quickly."""
        self.flush()
        if self._transport is not None:
            self._transport.close()
            await asyncio.wait({self.lost}, timeout=CLOSE_TIMEOUT_S)
            self._transport.abort()

    def _obey(self, control: Control) -> None:
        if control.verb == "PING":
            self.write(PONG)
        elif control.verb == "PONG" and self._pings:
            pong = self._pings.popleft()
            if not pong.done():
                pong.set_result(None)
        elif control.verb == "INFO":
            self.info = msgspec.json.decode(control.text, type=Info)
            if not self.hello.done():
                self.hello.set_result(self.info)
        elif control.verb == "-ERR":
            if not control.text.startswith(ABOUT_ONE_SUBJECT):
                self.reason = control.text  # the server closes now
            self._complain(control.text)
