"""Room in the streams that refuse when full: what is durable elsewhere makes way for what comes.

A stream with ``discard new`` never pushes out what nobody has worked on yet. But it also keeps what is done until its
age limit, so at 2,000 messages a second it would be full, and refuse everything, within the hour. The world stream has
no age limit, and living objects in it: it is compacted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from summit_core.bus.bus import Bus
from summit_core.bus.compaction import FULL_FROM, NEARLY_FULL, acknowledged, compact
from summit_core.bus.streams import WORLD
from summit_core.observability.health import HealthMonitor

LOOK_EVERY_S: Final = 5.0


async def make_room(bus: Bus, stream: str, *readers: str) -> None:
    """When the stream is half full, remove the older half of its messages, as far as all readers have acknowledged it.
    Nearly full, the first reader alone counts: it is the one that holds the messages elsewhere, and that the others are
    behind must not shut the door."""
    info = await bus.jetstream.stream_info(stream)
    state, limit = info.state, info.config.max_bytes or 0
    if state.bytes <= FULL_FROM * limit:
        return
    counted = readers[:1] if state.bytes > NEARLY_FULL * limit else readers
    floor = min([await acknowledged(bus, stream, reader) for reader in counted])
    middle = (state.first_seq + state.last_seq) // 2
    if floor >= state.first_seq:
        await bus.jetstream.purge_stream(stream, seq=min(middle, floor) + 1)


async def keep_room(bus: Bus, readers: Mapping[str, Sequence[str]], health: HealthMonitor, name: str) -> None:
    """Look after streams, each with those of its readers that must have seen a message before it may go."""
    while True:
        for stream, names in readers.items():
            await (compact if stream == WORLD else make_room)(bus, stream, *names)
        health.beat(name)
        await asyncio.sleep(LOOK_EVERY_S)
