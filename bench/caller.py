"""A caller over plain sockets that costs little beside what it measures: keep-alive, one request at a time."""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Caller:
    """One connection to ``base``. Raises ``OSError`` or ``EOFError`` when it breaks."""

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._rest = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def get(self, path: str) -> Answer:
        started = time.perf_counter()
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{self._rest}\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body, time.perf_counter() - started)


async def ask(base: str, headers: Mapping[str, str], path: str, requests: int, *, at_once: int = 8) -> list[Answer]:
    """So many answers to the same request, ``at_once`` at a time. Raises ``RuntimeError`` for any that is not 200."""

    async def some(count: int) -> list[Answer]:
        async with Caller(base, headers) as caller:
            return [await caller.get(path) for _ in range(count)]

    answers = [
        one for each in await asyncio.gather(*(some(requests // at_once) for _ in range(at_once))) for one in each
    ]
    for answer in answers:
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.body[:300]!r}")
    return answers
