"""Clients of the hub, and the groups of those that see the same."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from weakref import WeakSet

from summit_core.errors import SummitError

from summit_gateway.stream.frames import Frame, Moves
from summit_gateway.stream.version import ObjectKey
from summit_gateway.stream.view import View

BUFFER: Final = 2_000
BUFFER_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What a client has to be sent now. Once it has all of it, its picture is that of ``seq``."""

    frames: list[Frame | Moves]
    skipped: int
    seq: int


class Group:
    """Clients with the same view: a change is judged and encoded once for all of them.

    Positions in binary are held until the next tick, and then go as one frame. Any other frame sends them off first, so
    that the order of all frames is that of the world.
    """

    def __init__(self, view: View, now: Callable[[], datetime]) -> None:
        self.view = view
        self.members: WeakSet[Client] = WeakSet()  # a reader that was dropped is gone, whatever else failed
        self.now = now
        self._held: dict[ObjectKey, Frame] = {}
        self._held_since = 0
        self._held_until = 0

    @property
    def holds_positions(self) -> bool:
        return bool(self._held)

    def settled(self, seq: int) -> int:
        """Up to where everything has been offered, when the world is at ``seq``."""
        return self._held_since - 1 if self._held else seq

    def take(self, frame: Frame) -> None:
        if frame.op != "move":
            self.flush()
            self._offer(frame)
            return
        if not self._held:
            self._held_since = frame.seq
        self._held_until = frame.seq
        self._held.pop(frame.key, None)  # so that the order stays that of the sequence
        self._held[frame.key] = frame

    def flush(self) -> None:
        """Send off the positions that wait."""
        if self._held:
            moves, self._held = self._held, {}
            self._offer(Moves(self._held_until, moves, self.now()))

    def _offer(self, item: Frame | Moves) -> None:
        for client in self.members:
            client.offer(item)


class Client:
    """One reader. Its buffer is bounded: when full, it keeps only what is latest of each object."""

    def __init__(self, group: Group, buffer: int) -> None:
        self.group = group
        group.members.add(self)
        self.wake = asyncio.Event()
        self.ended: SummitError | None = None
        self._limit = buffer
        self._queue: deque[Frame | Moves] = deque()
        self._bytes = 0
        self._latest: dict[ObjectKey, Frame] | None = None
        self._skipped = 0

    def join(self, group: Group) -> None:
        """See something else from here on."""
        self.group.members.discard(self)
        self.group = group
        group.members.add(self)

    def offer(self, item: Frame | Moves) -> None:
        self.wake.set()
        if self._latest is not None:
            self._keep(self._latest, item)
            return
        self._queue.append(item)
        self._bytes += len(item.data)
        if len(self._queue) > self._limit or self._bytes > BUFFER_BYTES:
            self.collapse()

    def collapse(self) -> None:
        """Keep only what is latest, from here until everything was taken."""
        latest: dict[ObjectKey, Frame] = {}
        for queued in self._queue:
            self._keep(latest, queued)
        self._latest = latest
        self._queue.clear()

    def take(self, seq: int) -> Taken:
        """Everything that waits. ``seq``: where the world is."""
        frames = list(self._queue) if self._latest is None else self._collapsed(self._latest, seq)
        taken = Taken(frames, self._skipped, self.group.settled(seq))
        self._queue.clear()
        self._latest, self._skipped, self._bytes = None, 0, 0
        self.wake.clear()
        return taken

    def end(self, why: SummitError) -> None:
        self.ended = why
        self.wake.set()

    def _keep(self, latest: dict[ObjectKey, Frame], item: Frame | Moves) -> None:
        for frame in item.frames.values() if isinstance(item, Moves) else (item,):
            self._keep_frame(latest, frame)

    def _keep_frame(self, latest: dict[ObjectKey, Frame], frame: Frame) -> None:
        known = latest.pop(frame.key, None)  # so that the order stays that of the sequence
        if known is not None:
            self._skipped += 1
            if frame.op == "move" and known.op != "move":
                frame = replace(frame, op="upsert")
            frame = replace(frame, was=known.was)
        if frame.op == "leave" and not frame.was:
            self._skipped += 1  # it came and went: the client never knew
            return
        latest[frame.key] = frame

    def _collapsed(self, latest: dict[ObjectKey, Frame], seq: int) -> list[Frame | Moves]:
        """Positions first, and only as far along as the rest: whoever breaks off here must get the rest again."""
        rest: list[Frame | Moves] = [frame for frame in latest.values() if frame.op != "move"]
        moves = {key: frame for key, frame in latest.items() if frame.op == "move"}
        if not moves:
            return rest
        until = rest[0].seq - 1 if rest else self.group.settled(seq)
        return [Moves(until, moves, self.group.now()), *rest]
