"""Room in the streams that refuse when full: what is durable elsewhere makes way for what comes.

A stream with ``discard new`` never pushes out what nobody has worked on yet. But it also keeps what is done until its
age limit, so at 2,000 messages a second it would be full, and refuse everything, within the hour. The world stream has
no age limit, and living objects in it: it is compacted.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from nats.js.errors import NotFoundError

from summit_core.bus.bus import Bus
from summit_core.bus.compaction import FULL_FROM, compact
from summit_core.bus.streams import WORLD
from summit_core.observability.health import HealthMonitor

LOOK_EVERY_S: Final = 5.0


async def make_room(bus: Bus, stream: str, reader: str) -> None:
    """When the stream is half full, remove the older half of its messages, as far as ``reader`` has acknowledged."""
    info = await bus.jetstream.stream_info(stream)
    state, limit = info.state, info.config.max_bytes or 0
    if state.bytes <= FULL_FROM * limit:
        return
    try:
        floor = (await bus.jetstream.consumer_info(stream, reader)).ack_floor
    except NotFoundError:  # it has never run, so it has acknowledged nothing
        return
    middle = (state.first_seq + state.last_seq) // 2
    if floor is not None and floor.stream_seq >= state.first_seq:
        await bus.jetstream.purge_stream(stream, seq=min(middle, floor.stream_seq) + 1)


async def keep_room(bus: Bus, readers: Mapping[str, str], health: HealthMonitor, name: str) -> None:
    """Look after streams, each with the one reader whose acknowledgement says that a message is held elsewhere."""
    while True:
        for stream, reader in readers.items():
            await (compact if stream == WORLD else make_room)(bus, stream, reader)
        health.beat(name)
        await asyncio.sleep(LOOK_EVERY_S)
