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
    """When the stream is half full, remove the older half of its messages, as far as all readers have acknowledged it:
    those that are named, which must have run, and every other durable that there is, such as further shards of fusion.
    Nearly full, the first reader alone counts: it is the one that holds the messages elsewhere, and that the others are
    behind, or were taken out of service and left here, must not shut the door."""
    info = await bus.jetstream.stream_info(stream)
    state, limit = info.state, info.config.max_bytes or 0
    if state.bytes <= FULL_FROM * limit:
        return
    nearly_full = state.bytes > NEARLY_FULL * limit
    floor = min([await acknowledged(bus, stream, reader) for reader in readers[: 1 if nearly_full else None]])
    if not nearly_full:
        floor = min(floor, await _others(bus, stream, readers, state.last_seq))
    middle = (state.first_seq + state.last_seq) // 2
    if floor >= state.first_seq:
        await bus.jetstream.purge_stream(stream, seq=min(middle, floor) + 1)


async def _others(bus: Bus, stream: str, named: Sequence[str], last: int) -> int:
    """Up to where every durable that is not named has acknowledged what concerns it."""
    floors = [last]
    for info in await bus.jetstream.consumers_info(stream):
        idle = not info.num_pending and not info.num_ack_pending  # its filter has let nothing newer through
        if info.config.durable_name and info.name not in named and not idle:
            floors.append((info.ack_floor.stream_seq if info.ack_floor else None) or 0)
    return min(floors)


async def keep_room(bus: Bus, readers: Mapping[str, Sequence[str]], health: HealthMonitor, name: str) -> None:
    """Look after streams, each with those of its readers that must have seen a message before it may go."""
    while True:
        for stream, names in readers.items():
            await (compact if stream == WORLD else make_room)(bus, stream, *names)
        health.beat(name)
        await asyncio.sleep(LOOK_EVERY_S)
