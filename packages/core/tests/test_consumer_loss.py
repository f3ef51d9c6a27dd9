"""A durable consumer loses nothing when its handler fails: what was not acknowledged comes again, in order, at once."""

import asyncio

from summit_core.bus import Bus, Delivery, consume
from summit_core.bus.streams import DEADLETTERS
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import supervise


async def test_what_a_failing_handler_did_not_acknowledge_comes_again_in_order(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    for number in range(20):
        await bus.publish("deadletters.nats", str(number).encode())
    handled: list[int] = []
    failures = 0

    async def handler(deliveries: list[Delivery]) -> None:
        nonlocal failures
        print([(d.seq, d.pending) for d in deliveries])
        if failures < 1:
            failures += 1
            raise OSError("the database is away")
        handled.extend(int(delivery.data) for delivery in deliveries)

    health = HealthMonitor()
    health.expect("test")

    async def run() -> None:
        await consume(bus, DEADLETTERS, "test", handler, health, batch=100)

    task = asyncio.create_task(supervise("test", run, health))
    async with asyncio.timeout(5):
        while len(handled) < 20:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()
    assert handled == list(range(20))
