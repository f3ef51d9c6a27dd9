"""The hub: takes every change once and brings every client to the same picture, however slow it reads.

Pure but for the events that wake clients and the timer of the positions, which the caller gives. What it holds to: at
every ``snapshot-end`` and ``heartbeat`` a client's picture equals what its filter lets through of the world at that
sequence (the property test tries to break it).

Each step keeps the version before it. So what a client of any view saw at an earlier sequence can be worked out from
the steps since then, and nothing has to be remembered of clients.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Protocol

from summit_core.bus import Change
from summit_core.clock import Clock
from summit_core.errors import GoneError, SummitError, UnavailableError

from summit_gateway.stream.client import BUFFER, Client, Group, Taken
from summit_gateway.stream.filter import Filter
from summit_gateway.stream.frames import Frame
from summit_gateway.stream.version import ObjectKey, Step, Version
from summit_gateway.stream.view import View

RING: Final = 20_000
CLIENTS: Final = 5_000
TICK_S: Final = 0.04
"""Positions in binary wait at most so long for each other; after a silence of a tick they do not wait at all."""


class Later(Protocol):
    """Calls a function after some seconds."""

    def __call__(self, seconds: float, function: Callable[[], None], /) -> object: ...


@dataclass(frozen=True, slots=True)
class Refiltered:
    """What a client has to be sent so that its picture is that of its new filter, at ``seq``."""

    before: Taken
    """What still waited for it under the old one."""
    frames: list[Frame]
    seq: int


class Hub:
    """``floor``: a client that has seen everything up to it, or later, can go on without a snapshot."""

    def __init__(
        self,
        clock: Clock,
        *,
        ring: int = RING,
        buffer: int = BUFFER,
        clients: int = CLIENTS,
        later: Later | None = None,
    ) -> None:
        self.seq = 0
        self.floor: int | None = None
        self._vague = 0
        """Up to here nobody knows what was before a change, only what was after it."""
        self._clock = clock
        self._later = later or (lambda seconds, function: asyncio.get_running_loop().call_later(seconds, function))
        self._ring: deque[Step] = deque()
        self._ring_size, self._buffer, self._most_clients = ring, buffer, clients
        self._objects: dict[ObjectKey, Version] = {}
        self._groups: dict[View, Group] = {}
        self._handles = count(1)
        self._ticking = False

    @property
    def clients(self) -> int:
        return sum(len(group.members) for group in self._groups.values())

    def take(self, change: Change, *, recent: bool = True, complete: bool = True) -> None:
        """The next change. ``recent`` is false for one so old that deletions after it may be forgotten, ``complete``
        while earlier changes may have passed unseen: then a first change of an object may not be its first."""
        step = self._step(change, complete)
        self.seq = change.seq
        if not complete:
            self._vague = change.seq
        if step.after is not None:
            self._objects[step.key] = step.after
        else:
            self._objects.pop(step.key, None)
        self._remember(step, recent)
        self._tell(step)
        if step.before is not None:
            step.before.lighten()

    def reset(self) -> None:
        """The world began anew: nothing we hold is true any more, every client has to start again."""
        self.seq, self.floor, self._vague = 0, None, 0
        self._ring.clear()
        self._objects.clear()
        self.end_all(GoneError("the world began anew; connect again without from for a snapshot"))

    def end_all(self, why: SummitError) -> None:
        """Every client is told why and goes."""
        for group in self._groups.values():
            for client in group.members:
                client.end(why)
        self._groups.clear()

    def snapshot(self, view: View) -> tuple[Client, int, list[Version]]:
        """A new client, and the whole picture at the returned sequence; every later change comes by the client."""
        client = self._connect(view)
        return client, self.seq, [version for version in self._objects.values() if view.holds(version)]

    def resume(self, since: int, view: View) -> Client:
        """A new client that has seen everything up to ``since``; raises :class:`GoneError` when we kept less."""
        if self.floor is None or not self.floor <= since <= self.seq:
            raise GoneError(f"changes after {since} are no longer kept; connect again without from for a snapshot")
        if since < self._vague and not view.filter.is_lasting:
            raise GoneError(f"what this filter let through at {since} is no longer known; connect again without from")
        client = self._connect(view)
        missed = list(self._since(since))
        if len(missed) > self._buffer:
            client.collapse()
        for step in reversed(missed):
            frame = view.frame(step)
            if frame is None:
                continue
            # ``was``: who broke off in the middle of a catch-up may still have what had left before ``since``.
            # A new link knows no handles yet, so nothing can go in binary.
            client.offer(replace(frame, was=True, op="upsert" if frame.op == "move" else frame.op))
        return client

    def handles(self, view: View) -> dict[str, int]:
        """The handle of each entity in view that has a position."""
        seen = (version for version in self._objects.values() if version.record is not None and view.holds(version))
        return {version.key[1]: version.handle for version in seen}

    def refilter(self, client: Client, wanted: Filter) -> Refiltered:
        """Another filter for a client. Raises :class:`InputError` for a bad one, and then nothing has changed."""
        old = client.group
        new = self._group(replace(old.view, filter=wanted))
        old.flush()
        new.flush()
        before = client.take(self.seq)
        client.join(new)
        return Refiltered(before, list(self._difference(old.view, new.view)), self.seq)

    def disconnect(self, client: Client) -> None:
        client.group.members.discard(client)

    def tick(self) -> None:
        """Send off the positions that wait, and let others wait until the next tick."""
        self._ticking = any(group.holds_positions for group in self._groups.values())
        if self._ticking:
            for group in self._groups.values():
                group.flush()
            self._later(TICK_S, self.tick)

    def _step(self, change: Change, complete: bool) -> Step:
        event = change.event
        key = (event.type, event.key)
        before = self._objects.get(key)
        after = None
        if event.op != "delete":
            after = Version(change, before.handle if before is not None else next(self._handles))
        unknown = before is None and not complete
        return Step(change.seq, key, before, after, event.reason or "deleted", unknown, event.organisation)

    def _remember(self, step: Step, recent: bool) -> None:
        if self.floor is None:
            if not recent:
                return
            self.floor = step.seq - 1
        self._ring.append(step)
        if len(self._ring) > self._ring_size:
            self.floor = self._ring.popleft().seq

    def _tell(self, step: Step) -> None:
        empty = []
        moved = False
        for view, group in self._groups.items():
            if not group.members:
                empty.append(view)
                continue
            frame = view.frame(step)
            if frame is not None:
                group.take(frame)
                moved = moved or frame.op == "move"
        for view in empty:
            del self._groups[view]
        if moved and not self._ticking:
            self.tick()

    def _since(self, seq: int) -> Iterator[Step]:
        """The steps after ``seq``, latest first."""
        for step in reversed(self._ring):
            if step.seq <= seq:
                return
            yield step

    def _difference(self, old: View, new: View) -> Iterator[Frame]:
        for key, version in self._objects.items():
            was, now = old.holds(version), new.holds(version)
            if was and not now:
                yield Frame(new, self.seq, key, "leave", True, None, "filtered")
            elif now and not was:
                yield Frame(new, version.seq, key, "upsert", False, version)

    def _group(self, view: View) -> Group:
        if view not in self._groups:
            view.check()
            self._groups[view] = Group(view, self._clock.now)
        return self._groups[view]

    def _connect(self, view: View) -> Client:
        if self.clients >= self._most_clients:
            raise UnavailableError("as many clients as this gateway takes are connected; try another", retry_after_s=5)
        group = self._group(view)
        group.flush()
        return Client(group, self._buffer)
