"""One connection to a service: a request, its answer, and whether it may carry the next one (RFC 9112, section 9.3).

The parser is llhttp's. What a connection heard unasked, half or wrong is never read as the answer to the next request:
then it is closed.
"""

import asyncio
from functools import lru_cache
from typing import Final, NamedTuple, cast

from aiohttp import ClientConnectionError, ClientPayloadError
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES: Final = 64 * 1024
KEPT_HEADERS: Final = {
    name.lower(): name
    for name in ("Allow", "Cache-Control", "Content-Location", "ETag", "Location", "Retry-After", "Vary")
}
"""What of a service's headers reaches who asked, by the name in lower case."""
_KEPT: Final = {name.encode(): shown for name, shown in KEPT_HEADERS.items()}
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class NotConnectedError(ClientConnectionError):
    """Nothing was sent."""


class BrokenOffError(ClientConnectionError):
    """The connection ended before anything of an answer came."""


class Reply(NamedTuple):
    """``headers``: of :data:`KEPT_HEADERS`; one that came twice is joined by a comma (RFC 9110, section 5.3)."""

    status: int
    content_type: str
    headers: dict[str, str]
    body: bytes


class Wire(asyncio.Protocol):
    """Used by one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.used = False
        """Whether it has brought an answer: one that breaks off later may just have been idle for too long."""
        self.free_since = 0.0
        self._begin()

    async def ask(self, head: bytes, *, until: float, silence_s: float) -> Reply:
        """Send a request without a body, and wait for its answer: ``until`` a moment of the loop's clock, or until
        nothing is heard for ``silence_s``.

        Raises ``TimeoutError``, :class:`BrokenOffError`, and :class:`aiohttp.ClientPayloadError` for what is no answer.
        """
        if self._transport is None:
            raise BrokenOffError
        self._begin()
        self._waiting = self._loop.create_future()
        self._until, self._silence_s = until, silence_s
        self._look_by(min(until, self._heard_at + silence_s))
        self._transport.write(head)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            if not self.is_free:
                self.close()

    @property
    def is_free(self) -> bool:
        """Whether it may carry another request: all that was heard is the whole answer to the last one."""
        return self._whole and not self._spoiled and self._transport is not None

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _begin(self) -> None:
        self._heard_bytes = 0
        self._begin_message()
        self._pieces: list[bytes] = []
        self._whole = self._spoiled = False
        self._heard_at = self._loop.time()

    def _begin_message(self) -> None:
        self._headers: dict[str, str] = {}
        self._type = b"application/octet-stream"
        self._framed = self._in_body = False
        self._status = 0

    def _look_by(self, at: float) -> None:
        """See to it that a timer looks by then. One that is set for earlier will do: it sets itself again."""
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """Fail when the time is over; look again while a request is underway. One timer does for many requests."""
        self._timer = None
        if self._waiting is None:
            return
        at = min(self._until, self._heard_at + self._silence_s)
        if at > self._loop.time():
            self._look_by(at)
        else:
            self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        self._spoiled = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def _answer(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self.used = True
            reply = Reply(self._status, media_type(self._type), self._headers, b"".join(self._pieces))
            self._waiting.set_result(reply)

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._whole:
            self.close()  # nobody asked
            return
        self._heard_at = self._loop.time()
        self._heard_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._spoiled = True
        if self._heard_bytes > MAX_HEAD_BYTES and not self._in_body:
            self._spoiled = True
        if self._whole:
            self._answer()
        elif self._spoiled:
            self._fail(ClientPayloadError())

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.close()
        if self._in_body and not self._framed and error is None:
            self._answer()  # it ends where the connection ends
        else:
            self._fail(ClientPayloadError() if self._heard_bytes else BrokenOffError())

    # What the parser says.

    def on_message_begin(self) -> None:
        self._spoiled = self._spoiled or self._whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._whole:
            return
        key = name.lower()
        if key in _FRAMING:
            self._framed = True
        elif key == b"content-type":
            self._type = value
        elif key in _KEPT:
            shown, said = _KEPT[key], value.decode("latin-1")
            self._headers[shown] = f"{self._headers[shown]}, {said}" if shown in self._headers else said

    def on_headers_complete(self) -> None:
        if not self._whole:
            self._in_body, self._status = True, self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self._whole:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._whole:
            return
        if 100 <= self._status < 200:  # a word before the answer
            self._begin_message()
        else:
            self._whole = True
            self._spoiled = not self._parser.should_keep_alive()


@lru_cache(maxsize=64)
def media_type(header: bytes) -> str:
    """Without its parameters."""
    return header.decode("latin-1").partition(";")[0].strip().lower()
