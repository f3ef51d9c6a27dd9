"""One reader of the stream, from the hub to the wire: snapshot or resume, changes, new filters, heartbeats."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import timedelta
from itertools import chain
from typing import Final

import structlog
from summit_core.bus import Change, Mirror
from summit_core.clock import Clock
from summit_core.errors import InputError, SummitError, UnauthenticatedError
from summit_core.observability.metrics import STREAM_CLIENTS, STREAM_SKIPPED

from summit_gateway.stream import frames
from summit_gateway.stream.client import Client, Taken
from summit_gateway.stream.hub import Hub
from summit_gateway.stream.request import Opening, ask_of, id_of
from summit_gateway.stream.version import Version
from summit_gateway.stream.view import View

log = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 2.0
KEPT: Final = timedelta(minutes=50)
"""Tombstones live an hour in the world stream: a change younger than this has all deletions after it still there."""
Message = tuple[str | bytes, int | None]
"""A frame, and the sequence to resume from once it was received (None inside a snapshot)."""


def feed(hub: Hub, mirror: Mirror, clock: Clock) -> None:
    """Let the hub follow the mirror."""

    def take(change: Change) -> None:
        # while it loads, the mirror is given the last version of each object only
        hub.take(change, recent=clock.now() - change.event.at < KEPT, complete=mirror.ready.is_set())

    mirror.listen(take)
    mirror.on_reset.append(hub.reset)


async def moment(changes: Iterable[Change], seq: int, view: View, clock: Clock) -> AsyncGenerator[Message, None]:
    """A picture that stands still: ``snapshot``, what of the changes is in view, ``snapshot-end``, and the end."""
    yield frames.mark("snapshot", seq, clock.now()), None
    for handle, change in enumerate(changes, 1):
        version = Version(change, handle)
        if view.holds(version):
            yield view.text(version), None
    yield frames.mark("snapshot-end", seq, clock.now()), None


class Reader:
    """Messages of one client, until it is gone, its key is revoked or the world begins anew."""

    def __init__(
        self, hub: Hub, clock: Clock, *, may_stay: Callable[[], bool], is_stale: Callable[[], bool], heartbeat_s: float
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._may_stay = may_stay
        self._is_stale = is_stale
        self._heartbeat_s = heartbeat_s
        self._heard: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
        self._client: Client | None = None

    def open(self, opening: Opening) -> AsyncGenerator[Message, None]:
        """Raises :class:`GoneError` at once when what is to be resumed from is no longer kept."""
        view, since = opening.view, opening.since
        if since is None:
            self._client, seq, picture = self._hub.snapshot(view)
            return self._run(self._client, self._snapshot(view, seq, picture))
        self._client = self._hub.resume(since, view)
        known = [(frames.handles(since, self._hub.handles(view)), since)] if view.binary else []
        return self._run(self._client, known)

    async def hear(self, text: str) -> None:
        """What the client says. Waits while something else of it is unanswered, so that nobody can pile up work."""
        await self._heard.put(text)
        if self._client is not None:
            self._client.wake.set()

    async def _run(self, client: Client, beginning: Iterable[Message]) -> AsyncGenerator[Message, None]:
        STREAM_CLIENTS.inc()
        try:
            for message in beginning:
                yield message
            async for message in self._changes(client):
                yield message
        finally:
            STREAM_CLIENTS.dec()
            self._hub.disconnect(client)

    def _snapshot(self, view: View, seq: int, picture: list[Version]) -> Iterable[Message]:
        yield frames.mark("snapshot", seq, self._clock.now()), None
        for version in picture:
            yield view.text(version), None
        yield frames.mark("snapshot-end", seq, self._clock.now()), seq

    async def _changes(self, client: Client) -> AsyncGenerator[Message, None]:
        heartbeat = _Alarm(client, self._heartbeat_s)
        while True:
            await client.wake.wait()
            if client.ended is not None:
                raise client.ended
            while not self._heard.empty():
                for message in self._answer(client, self._heard.get_nowait()):
                    yield message
            taken = client.take(self._hub.seq)
            for message in _messages(taken):
                yield message
            if heartbeat.rings():
                if not self._may_stay():
                    raise UnauthenticatedError("the key was revoked or has expired")
                stale = {"stale": True} if self._is_stale() else {}
                yield frames.mark("heartbeat", taken.seq, self._clock.now(), **stale), taken.seq

    def _answer(self, client: Client, text: str) -> Iterable[Message]:
        try:
            ask, wanted = ask_of(text)
            change = self._hub.refilter(client, wanted)
        except InputError as error:
            return [(frames.refused(id_of(text), error), None)]
        answer = (frames.filtered(ask.id, change.seq), change.seq)
        return chain(_messages(change.before), ((frame.data, None) for frame in change.frames), [answer])


def _messages(taken: Taken) -> Iterable[Message]:
    for frame in taken.frames:
        yield frame.data, frame.seq
    if taken.skipped:
        STREAM_SKIPPED.inc(taken.skipped)
        yield frames.skipped(taken.skipped, taken.seq), taken.seq


class _Alarm:
    """Wakes a client every so many seconds. One timer a heartbeat: a timeout around each wait would cost as much as the
    rest of the work on a frame."""

    def __init__(self, client: Client, seconds: float) -> None:
        self._wake, self._seconds = client.wake, seconds
        self._rang = False
        self._set()

    def rings(self) -> bool:
        """Whether it is time; then it is set again."""
        if not self._rang:
            return False
        self._rang = False
        self._set()
        return True

    def _set(self) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._ring)

    def _ring(self) -> None:
        self._rang = True
        self._wake.set()


CLOSE_CODES: Final = {401: 4401, 403: 4403, 410: 4410, 413: 1009, 422: 4422, 429: 4429, 503: 1013}


def close_code(error: SummitError) -> int:
    """The WebSocket close code that stands for an error."""
    return CLOSE_CODES.get(error.status, 1011)
