"""What a program says on stderr becomes JSON lines in its log, as of a server without JSON or a dying interpreter."""

import asyncio
import re
import time
from pathlib import Path
from typing import Final

import msgspec
from summit_core.observability.redact import redact

PIECE: Final = 64 * 1024
_postgres: Final = re.compile(r"\S+ \S+ \S+ \[\d+\] (?P<level>[A-Z]+[0-9]?):\s+(?P<event>.*)")
_LEVELS: Final = {"WARNING": "warning", "ERROR": "error", "FATAL": "critical", "PANIC": "critical"}
_reading: Final[set[asyncio.Task[None]]] = set()


def follow(stream: asyncio.StreamReader, log: Path, service: str, *, level: str) -> None:
    """Append each line to the log until the stream ends; ``level``: of what says none of itself."""
    task = asyncio.create_task(_copy(stream, log, service, level))
    _reading.add(task)
    task.add_done_callback(_reading.discard)


async def finished(within_s: float = 0.5) -> None:
    """When what the programs said last is written."""
    if _reading:
        await asyncio.wait(_reading, timeout=within_s)


async def _copy(stream: asyncio.StreamReader, log: Path, service: str, level: str) -> None:
    rest = b""
    while piece := await stream.read(PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > PIECE:
            lines, rest = [*lines, rest], b""
        _write(lines, log, service, level)
    _write([rest], log, service, level)


def _write(lines: list[bytes], log: Path, service: str, level: str) -> None:
    found = b"".join(wrapped(line, service, level) + b"\n" for line in lines if line.strip())
    if found:
        with log.open("ab") as file:
            file.write(found)


def wrapped(line: bytes, service: str, level: str) -> bytes:
    """One line as JSON with service, time and level; one that is JSON stays."""
    try:
        if isinstance(msgspec.json.decode(line), dict):
            return line
    except msgspec.DecodeError:
        pass
    event = line.decode(errors="replace")
    if match := _postgres.fullmatch(event):
        level, event = _LEVELS.get(match["level"], "info"), match["event"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return msgspec.json.encode({"time": now, "level": level, "service": service, "event": redact(event)})
