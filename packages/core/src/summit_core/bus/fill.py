"""How full the streams are and how far behind their durable consumers, as the broker sees it.

A consumer can only say how far behind it was when it last worked; one that hangs or is dead says nothing, and its own
gauge stays where it was. So one process asks the broker for all of them.
"""

import asyncio
from typing import Final

from summit_core.bus.bus import Bus
from summit_core.bus.streams import declared
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import PENDING, STREAM_BYTES, STREAM_LIMIT, STREAM_MESSAGES

LOOK_EVERY_S: Final = 5.0


async def measure(bus: Bus) -> None:
    """Set the gauges of every declared stream and of every durable consumer."""
    for stream in (str(config.name) for config in declared()):
        info = await bus.jetstream.stream_info(stream)
        STREAM_MESSAGES.labels(stream).set(info.state.messages)
        STREAM_BYTES.labels(stream).set(info.state.bytes)
        STREAM_LIMIT.labels(stream).set(info.config.max_bytes or 0)
        for consumer in await bus.jetstream.consumers_info(stream):
            if consumer.config.durable_name:  # those of mirrors have new names each time
                waiting = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
                PENDING.labels(stream, consumer.name).set(waiting)


async def keep_measuring(bus: Bus, health: HealthMonitor, name: str) -> None:
    await bus.ensure_streams()
    while True:
        await measure(bus)
        health.beat(name)
        await asyncio.sleep(LOOK_EVERY_S)
