"""A reader that lets messages gather: it gets each of them, in order, and the first after a silence at once."""

import asyncio
import time
from itertools import pairwise

from summit_core.bus import Bus, Delivery, Outgoing, consume
from summit_core.bus.consumer import GATHER_AT_MOST_S
from summit_core.bus.streams import INGEST
from summit_core.observability.health import HealthMonitor

GATHER_S = 0.2


def _numbered(first: int, end: int) -> list[Outgoing]:
    return [Outgoing("observations.report", b"%d" % number) for number in range(first, end)]


async def test_it_gathers_on_while_more_is_to_come_but_not_for_ever(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="gather")
    await bus.ensure_streams()
    came: asyncio.Queue[float] = asyncio.Queue()

    async def take(_: list[Delivery]) -> None:
        came.put_nowait(time.monotonic())

    steps = {"gather_s": GATHER_AT_MOST_S / 10, "gather_while": lambda: True}
    reading = asyncio.create_task(consume(bus, INGEST, "gather", take, HealthMonitor(), batch=500, **steps))
    try:
        async with asyncio.timeout(10):
            await bus.publish("observations.report", b"0")
            first = await came.get()
            await bus.publish("observations.report", b"1")
            assert await came.get() - first > 0.95 * GATHER_AT_MOST_S
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await bus.close()


async def test_the_first_comes_at_once_and_the_others_together(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="gather")
    await bus.ensure_streams()
    batches: list[tuple[float, list[bytes]]] = []
    news = asyncio.Event()

    async def take(deliveries: list[Delivery]) -> None:
        batches.append((time.monotonic(), [one.data for one in deliveries]))
        news.set()

    async def until(count: int) -> None:
        async with asyncio.timeout(10):
            while sum(len(batch) for _, batch in batches) < count:
                news.clear()
                await news.wait()

    health = HealthMonitor()
    reading = asyncio.create_task(consume(bus, INGEST, "gather", take, health, batch=500, gather_s=GATHER_S))
    try:
        sent_at = time.monotonic()
        await bus.publish("observations.report", b"0")
        await until(1)
        assert batches[0][0] - sent_at < GATHER_S
        await bus.publish_many(_numbered(1, 400))
        await until(400)
        for (before, _), (after, _) in pairwise(batches):
            assert after - before > 0.95 * GATHER_S, "after each batch the next messages are let gather"
        waited = len(batches)
        await bus.publish_many(_numbered(400, 3000))
        await until(3000)
        behind = [after - before for (before, _), (after, _) in pairwise(batches[waited:])]
        assert min(behind) < 0.95 * GATHER_S, "who is a whole batch behind waits for nothing"
        assert [data for _, batch in batches for data in batch] == [b"%d" % number for number in range(3000)]
        await bus.publish("observations.report", b"last")  # it goes on after it has found nothing more
        await until(3001)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await bus.close()
