"""One reader of the stream, from the hub to the wire: snapshot or resume, changes, heartbeats."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import Final

import structlog
from summit_core.bus import Change, Mirror
from summit_core.clock import Clock
from summit_core.errors import InputError, SummitError, UnauthenticatedError
from summit_core.model import WORLD_TYPES, WorldType
from summit_core.observability.metrics import STREAM_CLIENTS, STREAM_SKIPPED

from summit_gateway.stream import frames
from summit_gateway.stream.hub import Client, Hub

log = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 2.0
KEPT: Final = timedelta(minutes=50)
"""Tombstones live an hour in the world stream: a change younger than this has all deletions after it still there."""
Message = tuple[str, int | None]
"""A text frame, and the sequence to resume from once it was received (None inside a snapshot)."""


def feed(hub: Hub, mirror: Mirror, clock: Clock) -> None:
    """Let the hub follow the mirror."""

    def take(change: Change) -> None:
        hub.take(frames.of(change), recent=clock.now() - change.event.at < KEPT)

    mirror.listen(take)
    mirror.on_reset.append(hub.reset)


def types_of(text: str | None) -> list[WorldType] | None:
    """``entities,alerts`` as types; None is all of them."""
    if text is None:
        return None
    unknown = [name for name in text.split(",") if name not in WORLD_TYPES]
    if unknown:
        raise InputError(f"types: unknown {unknown[0]!r}; use some of {', '.join(WORLD_TYPES)}", field="types")
    return [type_ for type_ in WORLD_TYPES if type_ in text.split(",")]


def since_of(text: str | None) -> int | None:
    """The sequence to resume after."""
    if text is None or not text:
        return None
    if not text.isdecimal() or len(text) > 19:
        raise InputError("from: send the seq of the last frame that you received", field="from")
    return int(text)


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

    def open(self, since: int | None, types: list[WorldType] | None) -> AsyncGenerator[Message, None]:
        """Raises :class:`GoneError` at once when ``since`` is no longer kept."""
        if since is None:
            client, seq, picture = self._hub.snapshot(types)
        else:
            client, seq, picture = self._hub.resume(since, types), since, None
        return self._run(client, seq, picture)

    async def _run(self, client: Client, seq: int, picture: list[frames.Frame] | None) -> AsyncGenerator[Message, None]:
        STREAM_CLIENTS.inc()
        try:
            if picture is not None:
                yield frames.mark("snapshot", seq, self._clock.now()), None
                for frame in picture:
                    yield frame.text, None
                yield frames.mark("snapshot-end", seq, self._clock.now()), seq
            async for message in self._changes(client):
                yield message
        finally:
            STREAM_CLIENTS.dec()
            self._hub.disconnect(client)

    async def _changes(self, client: Client) -> AsyncGenerator[Message, None]:
        loop = asyncio.get_running_loop()
        next_heartbeat = loop.time() + self._heartbeat_s
        while True:
            await _wait(client.wake, next_heartbeat - loop.time())
            if client.ended is not None:
                raise client.ended
            taken = client.take()
            for frame in taken.frames:
                yield frame.text, frame.seq
            if taken.skipped:
                STREAM_SKIPPED.inc(taken.skipped)
                yield frames.skipped(taken.skipped, taken.seq), taken.seq
            if loop.time() >= next_heartbeat:
                next_heartbeat = loop.time() + self._heartbeat_s
                if not self._may_stay():
                    raise UnauthenticatedError("the key was revoked or has expired")
                stale = {"stale": True} if self._is_stale() else {}
                yield frames.mark("heartbeat", taken.seq, self._clock.now(), **stale), taken.seq


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return


CLOSE_CODES: Final = {401: 4401, 403: 4403, 410: 4410, 422: 4422, 503: 1013}


def close_code(error: SummitError) -> int:
    """The WebSocket close code that stands for an error."""
    return CLOSE_CODES.get(error.status, 1011)
