"""``/v1/stream``: the live picture as frames, without a gap when the link breaks."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypedDict

import aiohttp
import msgspec
from msgspec import Raw, Struct, field
from summit_core.errors import UnavailableError
from summit_core.model import WORLD_TYPES, WorldObject, WorldType
from summit_core.wire import decode

from summit_sdk.problem import error_of
from summit_sdk.retry import Backoff

SILENCE_S = 8.0
"""Four heartbeats: a link that is silent for so long is dead, whatever the socket says."""
CLOSE_BASE: Final = 4000
CLOSE_GONE: Final = 4410
"""What 410 becomes where the server can only refuse after the upgrade to WebSocket."""
FINAL_REFUSALS: Final = frozenset({4401, 4403, 4422})
"""Trying again does not help: no credential, no permission, a wrong filter."""


class Filter(TypedDict, total=False):
    """What to see (docs/reference/stream.md). Conditions hold together, the values of one are alternatives."""

    kind: Sequence[str]
    class_: Sequence[str]
    bbox: tuple[float, float, float, float]
    """West, south, east, north; west greater than east crosses the antimeridian."""
    polygon: Sequence[tuple[float, float]]
    """Longitude, latitude."""
    h3: Sequence[str]
    label: Sequence[str]
    source: Sequence[str]
    severity: Sequence[str]
    severity_at_least: str
    owner: Sequence[str]
    id: Sequence[str]


class Frame(Struct, frozen=True, kw_only=True):
    """One frame. ``body`` is the object of an ``upsert``; :meth:`object` gives it as its type."""

    op: Literal["snapshot", "snapshot-end", "upsert", "leave", "heartbeat", "skipped"]
    seq: int
    type: WorldType | None = None
    key: str | None = None
    body: Raw = field(default_factory=Raw)
    reason: str | None = None
    count: int = 0
    server_time: datetime | None = None

    def object(self) -> WorldObject:
        """The object of an ``upsert``. Raises :class:`ValueError` for the other frames."""
        if self.op != "upsert" or self.type is None:
            raise ValueError(f"a {self.op} frame carries no object")
        return msgspec.json.decode(self.body, type=WORLD_TYPES[self.type])


def query_of(types: Sequence[str], fields: Sequence[str], wanted: Filter) -> dict[str, str]:
    """The query of the address."""
    lists: Mapping[str, Iterable[object]] = {"types": types, "fields": fields}
    query = {name: ",".join(map(str, values)) for name, values in lists.items() if values}
    for name, value in wanted.items():
        if isinstance(value, str):
            query[name] = value
        elif name == "polygon":
            query[name] = " ".join(f"{lon!r},{lat!r}" for lon, lat in wanted["polygon"])
        elif isinstance(value, Sequence):
            query[name.rstrip("_")] = ",".join(map(str, value))
    return query


async def frames(
    session: aiohttp.ClientSession, url: str, *, query: Mapping[str, str], since: int | None, backoff: Backoff
) -> AsyncIterator[Frame]:
    """Frames for ever. A broken link is resumed after the last sequence that was seen whole; where that is no longer
    kept (410), a new snapshot begins, which the reader sees as a ``snapshot`` frame and takes as a fresh picture.
    Raises :class:`InputError` for a wrong filter, :class:`UnauthenticatedError` and :class:`ForbiddenError`.
    """
    resume, attempt = since, 0
    while True:
        params = dict(query) if resume is None else {**query, "from": str(resume)}
        try:
            async with session.ws_connect(url, params=params) as socket:
                async for frame in _frames_of(socket):
                    attempt = 0
                    # Inside a snapshot the sequences are those of old objects: resuming from one would lose the rest.
                    if resume is not None or frame.op == "snapshot-end":
                        resume = frame.seq
                    yield frame
                if socket.close_code == CLOSE_GONE:
                    resume = None
        except aiohttp.WSServerHandshakeError as error:
            refusal = error_of(error.status)
            if error.status == 410:
                resume = None
            elif not isinstance(refusal, UnavailableError):
                raise refusal from error
        except (aiohttp.ClientError, TimeoutError):
            pass  # the link broke: wait and resume
        attempt += 1
        await asyncio.sleep(backoff.delay(attempt))


async def _frames_of(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Frame]:
    while True:
        message = await socket.receive(timeout=SILENCE_S)
        if message.type is aiohttp.WSMsgType.CLOSE and message.data in FINAL_REFUSALS:
            raise error_of(message.data - CLOSE_BASE, str(message.extra or "").encode())
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        yield decode(message.data.encode(), Frame)
