"""Many WebSocket subscribers in one process of their own: they count frames, and some of them note how old each is."""

import asyncio
import base64
import multiprocessing
import os
import struct
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

MARK = b'"heard_at":"'
TEXT, BINARY = 1, 2
BINARY_TIME_AT = 16


class Heard(NamedTuple):
    """``news``: frames of changes; ``frames``: heartbeats too. ``ages``: seconds between the moment that a frame of a
    change names and its arrival, at every 20th subscriber."""

    news: int
    frames: int
    size: int
    ages: list[float]


class Subscribers:
    """Connected, and past their snapshot, once it is made."""

    def __init__(self, gateway: str, key: str, queries: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(gateway, key, list(queries), theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def mark(self) -> None:
        """Count from here."""
        self._pipe.send("mark")
        self._pipe.recv()

    def result(self) -> Heard:
        """What came since the mark."""
        self._pipe.send("result")
        return Heard(*self._pipe.recv())

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


class _Subscriber(asyncio.Protocol):
    """As much of RFC 6455 as a reader needs: frames of a server are whole and unmasked."""

    def __init__(self, request: bytes, ready: Callable[[], None], ages: list[float] | None) -> None:
        self._request, self._ready, self._ages = request, ready, ages
        self._buffer, self._open = bytearray(), False
        self.news = self.frames = self.size = 0

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start = 0
        if not self._open:
            start = buffer.find(b"\r\n\r\n") + 4
            if start < 4:
                return
            self._open = True
        while (end := self._frame(start)) is not None:
            start = end
        del buffer[:start]

    def _frame(self, start: int) -> int | None:
        buffer = self._buffer
        begin, length = start + 2, buffer[start + 1] if len(buffer) > start + 1 else -1
        if length < 0:
            return None
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(buffer) < begin + size:
                return None
            length = int.from_bytes(buffer[begin : begin + size], "big")
            begin += size
        end = begin + length
        if len(buffer) < end:
            return None
        self._count(buffer[start] & 15, memoryview(buffer)[begin:end])
        return end

    def _count(self, opcode: int, content: memoryview) -> None:
        head = bytes(content[:20])
        if b'"snapshot-end"' in head:
            self._ready()
        self.frames += 1
        if opcode not in (TEXT, BINARY) or (opcode == TEXT and not head.startswith(b'{"op":"upsert"')):
            return
        self.news += 1
        self.size += len(content)
        if self._ages is not None:
            self._ages.append(time.time() - _moment(opcode, bytes(content)))


def _moment(opcode: int, content: bytes) -> float:
    if opcode == BINARY:  # of the tick; what waited for it is not seen here
        return float(struct.unpack_from("<d", content, BINARY_TIME_AT)[0]) / 1000
    at = content.index(MARK) + len(MARK)
    return datetime.fromisoformat(content[at : content.index(b'"', at)].decode()).timestamp()


def _run(gateway: str, key: str, queries: list[str], pipe: Connection) -> None:
    asyncio.run(_serve(gateway, key, queries, pipe))


def _itself(one: _Subscriber) -> _Subscriber:
    return one


async def _serve(gateway: str, key: str, queries: list[str], pipe: Connection) -> None:
    loop, parts = asyncio.get_running_loop(), urlsplit(gateway)
    ages: list[float] = []
    everybody: list[_Subscriber] = []
    for number, query in enumerate(queries):
        nonce = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET /v1/stream{query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\nAuthorization: Bearer {key}\r\n\r\n"
        ).encode()
        ready = asyncio.Event()
        one = _Subscriber(request, ready.set, ages if number % 20 == 0 else None)
        await loop.create_connection(partial(_itself, one), parts.hostname or "", parts.port or 80)
        everybody.append(one)
        async with asyncio.timeout(10):
            await ready.wait()
    pipe.send("ready")
    while True:
        asked = await loop.run_in_executor(None, pipe.recv)
        if asked == "mark":
            ages.clear()
            for one in everybody:
                one.news = one.frames = one.size = 0
            pipe.send(None)
        else:
            totals = (sum(getattr(one, name) for one in everybody) for name in ("news", "frames", "size"))
            pipe.send((*totals, ages))
