"""Counts what the broker dropped: a publish outside its permission is acknowledged all the same (MQTT 3.1.1 allows
that, section 3.3.5), and the only trace is a line in the server's log. So its log is followed."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter as CounterMetric
from summit_core.bus import Mirror
from summit_core.clock import Clock
from summit_core.model import Denial
from summit_core.observability.health import HealthMonitor

from summit_fabric.registry.rights import owner_of
from summit_fabric.registry.store import Denied, Place, RegistryStore

LOOP: Final = "fabric-denied"
LOOK_S: Final = 0.5
READ_AT_ONCE: Final = 4 * 1024 * 1024
UNREGISTERED: Final = "unregistered"
DENIED = CounterMetric(
    "summit_denied_publishes_total", "Publishes that the broker dropped, by registration", ["source"]
)
log = structlog.get_logger(__name__)

_QUOTED: Final = rb'"(?P<%b>(?:[^"\\]|\\.)*)"'
_line = re.compile(
    rb"^\[\d+\] \S+ \S+ \[ERR\] \S+ - mid:\d+ - "
    + _QUOTED % b"client"
    + rb" - Publish Violation - "
    + rb'(?:User "(?:[^"\\]|\\.)*", )?Subject '
    + _QUOTED % b"subject",
    re.MULTILINE,
)


class Violation(NamedTuple):
    """One dropped publish, as the log has it."""

    client_id: str
    subject: str


class Piece(NamedTuple):
    """What was read, in whole lines, and the place after it."""

    text: bytes
    place: Place


def violations(text: bytes) -> list[Violation]:
    """The dropped publishes in a piece of log. The server escapes what clients say, so nobody can forge a line."""
    return [
        Violation(match["client"].decode(errors="replace"), match["subject"].decode(errors="replace")[:200])
        for match in _line.finditer(text)
    ]


def beginning_of(path: Path) -> Place | None:
    """Where to begin with a log that was never read; None while there is no such file."""
    return Place(path.stat().st_ino, 0) if path.exists() else None


def read_on(path: Path, place: Place | None, limit: int = READ_AT_ONCE) -> Piece | None:
    """What follows a place; None where nothing does. A file that was renamed (rotated) is read to its end first, one
    that was cut short from its beginning."""
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return None
    if place is not None and place.inode != inode:
        renamed = next((one for one in path.parent.glob(f"{path.name}*") if one.stat().st_ino == place.inode), None)
        rest = _read(renamed, place, limit) if renamed else None
        return rest or Piece(b"", Place(inode, 0))
    return _read(path, place or Place(inode, 0), limit)


def _read(path: Path, place: Place, limit: int) -> Piece | None:
    size = path.stat().st_size
    position = place.position if place.position <= size else 0
    with path.open("rb") as opened:
        opened.seek(position)
        text = opened.read(limit)
    whole = text[: text.rfind(b"\n") + 1] or (text if len(text) == limit else b"")
    return Piece(whole, Place(place.inode, position + len(whole))) if whole else None


class LogFollower:
    """``show`` tells the registry whose numbers have changed."""

    def __init__(
        self,
        path: Path,
        store: RegistryStore,
        mirror: Mirror,
        show: Callable[[Iterable[str]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._path = path
        self._store = store
        self._mirror = mirror
        self._show = show
        self._clock = clock

    async def run(self, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``."""
        await self._mirror.ready.wait()
        place = await self._store.place(str(self._path)) or await asyncio.to_thread(beginning_of, self._path)
        while True:
            piece = await asyncio.to_thread(read_on, self._path, place)
            if piece is not None:
                denied = self._count(violations(piece.text))
                await self._store.record(str(self._path), piece.place, denied)
                place = piece.place
                await self._show(denied)
            health.beat(LOOP)
            if piece is None:
                await asyncio.sleep(LOOK_S)

    def _count(self, found: list[Violation]) -> Mapping[str, Denied]:
        """By registration; the others are counted together, so that strangers cannot fill the table."""
        now, known = self._clock.now(), self._mirror.changes("registrations")
        last = {owner_of(one.client_id): one for one in found}
        counts = Counter(owner_of(one.client_id) for one in found)
        for device, count in counts.items():
            DENIED.labels(source=device if device in known else UNREGISTERED).inc(count)
            log.warning(
                "the broker dropped what a device may not publish",
                device=device[:80],
                subject=last[device].subject,
                count=count,
            )
        return {
            device: Denied(count, Denial(at=now, subject=last[device].subject))
            for device, count in counts.items()
            if device in known
        }
