"""The hub: takes every change once and brings every client to the same picture, however slow it reads.

Pure, without I/O or event loop except the one event that wakes a client. What it holds to: at every ``snapshot-end``
and ``heartbeat`` a client's picture equals the world at that sequence (the property test tries to break it).
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from summit_core.errors import GoneError, SummitError
from summit_core.model import WorldType

from summit_gateway.stream.frames import Frame, ObjectKey

RING: Final = 20_000
BUFFER: Final = 2_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What a client has to be sent now. Once it has all of it, its picture is that of ``seq``."""

    frames: list[Frame]
    skipped: int
    seq: int


class Client:
    """One reader. Its buffer is bounded: when full, it keeps only the latest change of each object."""

    def __init__(self, hub: "Hub", types: frozenset[WorldType] | None, buffer: int) -> None:
        self.types = types
        self.wake = asyncio.Event()
        self.ended: SummitError | None = None
        self._hub = hub
        self._limit = buffer
        self._queue: deque[Frame] = deque()
        self._latest: dict[ObjectKey, Frame] | None = None
        self._offered = 0

    def wants(self, frame: Frame) -> bool:
        return self.types is None or frame.key[0] in self.types

    def offer(self, frame: Frame) -> None:
        if not self.wants(frame):
            return
        self.wake.set()
        self._offered += 1
        if self._latest is None:
            self._queue.append(frame)
            if len(self._queue) > self._limit:
                self._latest = {}
                for queued in self._queue:
                    _keep(self._latest, queued)
                self._queue.clear()
        else:
            _keep(self._latest, frame)

    def take(self) -> Taken:
        """Everything that waits, in order of sequence."""
        frames = list(self._queue) if self._latest is None else list(self._latest.values())
        taken = Taken(frames, self._offered - len(frames), self._hub.seq)
        self._queue.clear()
        self._latest, self._offered = None, 0
        self.wake.clear()
        return taken

    def end(self, why: SummitError) -> None:
        self.ended = why
        self.wake.set()


class Hub:
    """``floor``: a client that has seen everything up to it, or later, can go on without a snapshot."""

    def __init__(self, *, ring: int = RING, buffer: int = BUFFER) -> None:
        self.seq = 0
        self.floor: int | None = None
        self._ring: deque[Frame] = deque()
        self._ring_size = ring
        self._buffer = buffer
        self._objects: dict[ObjectKey, Frame] = {}
        self._clients: WeakSet[Client] = WeakSet()  # a reader that was dropped is gone, whatever else failed

    @property
    def clients(self) -> int:
        return len(self._clients)

    def take(self, frame: Frame, *, recent: bool = True) -> None:
        """The next change. ``recent`` is false for a change so old that deletions after it may be forgotten."""
        self.seq = frame.seq
        if frame.leave:
            self._objects.pop(frame.key, None)
        else:
            self._objects[frame.key] = frame
        if self.floor is None and recent:
            self.floor = frame.seq - 1
        if self.floor is not None:
            self._ring.append(frame)
            if len(self._ring) > self._ring_size:
                self.floor = self._ring.popleft().seq
        for client in self._clients:
            client.offer(frame)

    def reset(self) -> None:
        """The world began anew: nothing we hold is true any more, every client has to start again."""
        self.seq, self.floor = 0, None
        self._ring.clear()
        self._objects.clear()
        self.end_all(GoneError("the world began anew; connect again without from for a snapshot"))

    def end_all(self, why: SummitError) -> None:
        """Every client is told why and goes."""
        for client in self._clients:
            client.end(why)
        self._clients.clear()

    def snapshot(self, types: Iterable[WorldType] | None = None) -> tuple[Client, int, list[Frame]]:
        """A new client, and the whole picture at the returned sequence; every later change comes by the client."""
        client = self._connect(types)
        return client, self.seq, [frame for frame in self._objects.values() if client.wants(frame)]

    def resume(self, since: int, types: Iterable[WorldType] | None = None) -> Client:
        """A new client that has seen everything up to ``since``; raises :class:`GoneError` when we kept less."""
        if self.floor is None or not self.floor <= since <= self.seq:
            raise GoneError(f"changes after {since} are no longer kept; connect again without from for a snapshot")
        client = self._connect(types)
        for frame in self._ring:
            if frame.seq > since:
                client.offer(frame)
        return client

    def disconnect(self, client: Client) -> None:
        self._clients.discard(client)

    def _connect(self, types: Iterable[WorldType] | None) -> Client:
        client = Client(self, frozenset(types) if types is not None else None, self._buffer)
        self._clients.add(client)
        return client


def _keep(latest: dict[ObjectKey, Frame], frame: Frame) -> None:
    latest.pop(frame.key, None)  # so that the order stays that of the sequence
    latest[frame.key] = frame
