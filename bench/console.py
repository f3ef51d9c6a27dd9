"""A console at the stream: a real WebSocket client in a process of its own, that notes when each change arrives."""

import base64
import multiprocessing
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple
from urllib.parse import urlsplit

KEY, OBSERVED = b'"key":"', b'"observed_at":"'
PING, PONG, CLOSE = 9, 10, 8


class Arrival(NamedTuple):
    """A frame of an entity: when it came (seconds since 1970), whose it is, the ``observed_at`` that it shows."""

    when: float
    entity: str
    observed_at: str


class Console:
    """Subscribes to the entities. ``await_all`` names what must be seen; ``wait`` gives the time when it was."""

    def __init__(self, gateway: str, key: str, *, quiet: bool = False) -> None:
        """``quiet`` takes the frames and notes nothing, so that it can listen for ever."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_watch, args=(gateway, key, quiet, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is noticed
        self._pipe.recv()

    def await_all(self, final: dict[str, str]) -> None:
        """The last ``observed_at`` of each entity; arrivals are noted from now on."""
        self._pipe.send(final)
        self._pipe.recv()

    def wait(self, timeout_s: float) -> tuple[float, list[Arrival]]:
        """When the last of them arrived (0: not in time), and every arrival since."""
        seen = self._pipe.recv() if self._pipe.poll(timeout_s) else 0.0
        self._pipe.send(None)
        answer = self._pipe.recv()
        while isinstance(answer, float):  # the last arrived in this very moment
            seen, answer = answer, self._pipe.recv()
        return seen, answer

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _watch(gateway: str, key: str, quiet: bool, pipe: Connection) -> None:
    stream = _Stream(gateway, key)
    pipe.send("connected")
    awaited: dict[str, str] = {}
    arrivals: list[Arrival] = []
    while True:
        readable, _, _ = select.select([stream.socket.fileno(), pipe.fileno()], [], [])
        if pipe.fileno() in readable:
            asked = pipe.recv()
            if asked is None:
                pipe.send(arrivals)
            else:
                awaited, arrivals = asked, []
                pipe.send("noted")
        if stream.socket.fileno() not in readable:
            continue
        waiting = bool(awaited)
        for text in stream.receive():
            arrival = None if quiet else _arrival(text)
            if arrival is not None:
                arrivals.append(arrival)
                if awaited.get(arrival.entity, "~") <= arrival.observed_at:
                    del awaited[arrival.entity]
        if waiting and not awaited:
            pipe.send(time.time())


def _arrival(text: bytes) -> Arrival | None:
    """Found by search: to decode each frame would cost more than to send it."""
    if not text.startswith(b'{"op":"upsert"'):
        return None
    key, at = text.find(KEY) + len(KEY), text.find(OBSERVED) + len(OBSERVED)
    observed_at = text[at : text.index(b'"', at)].decode()
    return Arrival(time.time(), text[key : text.index(b'"', key)].decode(), _padded(observed_at))


def _padded(instant: str) -> str:
    """With all six digits of the microseconds, so that texts compare as times."""
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"


class _Stream:
    """The client side of a WebSocket (RFC 6455), as far as a reader needs it."""

    def __init__(self, gateway: str, key: str) -> None:
        parts = urlsplit(gateway)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/stream?types=entities HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n"
            f"Authorization: Bearer {key}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(4096)
        head, _, rest = head.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"no WebSocket: {head.decode()}")
        self._buffer = bytearray(rest)

    def receive(self) -> Iterator[bytes]:
        """The text messages that have arrived."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise RuntimeError("the stream ended")
        self._buffer += data
        start = 0
        while (found := self._frame(start)) is not None:
            opcode, begin, start = found
            content = bytes(self._buffer[begin:start])
            if opcode == CLOSE:
                raise RuntimeError(f"the stream was closed: {content[2:].decode()}")
            if opcode == PING:
                self.socket.sendall(bytes([0x80 | PONG, 0x80 | len(content), 0, 0, 0, 0]) + content)
            elif opcode != PONG:
                yield content
        del self._buffer[:start]

    def _frame(self, start: int) -> tuple[int, int, int] | None:
        """Opcode, begin and end of the frame at ``start``; None when it is not all there."""
        buffer, begin = self._buffer, start + 2
        if len(buffer) < begin:
            return None
        length = buffer[start + 1] & 0x7F
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(buffer) < begin + size:
                return None
            length = struct.unpack_from("!H" if size == 2 else "!Q", buffer, begin)[0]
            begin += size
        return None if len(buffer) < begin + length else (buffer[start] & 0x0F, begin, begin + length)
