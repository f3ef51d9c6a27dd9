"""Consumers with several filters and several batches in flight, against the real broker."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from summit_core.bus import Bus, Delivery, consume
from summit_core.bus.streams import OBSERVATIONS
from summit_core.bus.subjects import validated, validated_everywhere
from summit_core.errors import UnavailableError
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end
from waiting import eventually

DURABLE = "test-lanes"


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    yield bus
    await bus.close()


class Seen:
    """Remembers the data of what was handled, and tells when there is enough of it."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self._news = asyncio.Event()

    async def handle(self, deliveries: list[Delivery]) -> None:
        self.data += [delivery.data for delivery in deliveries]
        self._news.set()

    async def holds(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.data) < number:
                self._news.clear()
                await self._news.wait()


async def floor(bus: Bus) -> int:
    """The stream sequence up to which all is acknowledged."""
    info = await bus.jetstream.consumer_info(OBSERVATIONS, DURABLE)
    return info.ack_floor.stream_seq if info.ack_floor else 0


async def until_acknowledged(bus: Bus, seq: int) -> None:
    async def acknowledged() -> bool:
        return await floor(bus) >= seq

    await eventually(acknowledged)


async def test_a_durable_that_exists_takes_over_new_filters_and_its_place(bus: Bus) -> None:
    everything, filtered = Seen(), Seen()
    sent = [(validated(0x832814FFFFFFFFF, kind), kind.encode(), None) for kind in ("telemetry", "bearing")]
    first = await bus.publish_many(sent)
    work = asyncio.create_task(consume(bus, OBSERVATIONS, DURABLE, everything.handle, HealthMonitor()))
    await everything.holds(2)
    await until_acknowledged(bus, first[-1])
    await end(work)
    await bus.publish_many(
        [*sent, (validated("none", "hotspot"), b"hotspot", None), ("validated.observations", b"old", None)]
    )
    subjects = ("validated.observations", *validated_everywhere("bearing", "hotspot"))
    work = asyncio.create_task(consume(bus, OBSERVATIONS, DURABLE, filtered.handle, HealthMonitor(), subject=subjects))
    await filtered.holds(3)
    await end(work)
    assert (everything.data, filtered.data) == ([b"telemetry", b"bearing"], [b"bearing", b"hotspot", b"old"])


async def test_a_later_batch_is_worked_on_meanwhile_but_acknowledged_after_the_first(bus: Bus) -> None:
    gate, one, both = asyncio.Event(), asyncio.Event(), asyncio.Event()
    begun: list[bytes] = []

    async def handle(deliveries: list[Delivery]) -> None:
        begun.append(deliveries[0].data)
        if len(begun) == 1:
            one.set()
            await gate.wait()
        else:
            both.set()

    work = asyncio.create_task(consume(bus, OBSERVATIONS, DURABLE, handle, HealthMonitor(), in_flight=3))
    await bus.publish(validated("none", "report"), b"first")
    async with asyncio.timeout(10):
        await one.wait()
        last = await bus.publish(validated("none", "report"), b"second")
        await both.wait()
        assert await floor(bus) == 0
        gate.set()
    await until_acknowledged(bus, last)
    await end(work)
    assert begun == [b"first", b"second"]


async def test_when_one_fails_those_behind_it_are_called_off_and_all_come_again(bus: Bus) -> None:
    called_off = asyncio.Event()

    async def handle(deliveries: list[Delivery]) -> None:
        if deliveries[0].data == b"first":
            await bus.publish(validated("none", "report"), b"second")
            await asyncio.sleep(0.2)
            raise UnavailableError("the database is away")
        try:
            await asyncio.Event().wait()
        finally:
            called_off.set()

    await bus.publish(validated("none", "report"), b"first")
    async with asyncio.timeout(10):
        with pytest.raises(UnavailableError):
            await consume(bus, OBSERVATIONS, DURABLE, handle, HealthMonitor(), in_flight=3)
    assert called_off.is_set()
    again = Seen()
    work = asyncio.create_task(consume(bus, OBSERVATIONS, DURABLE, again.handle, HealthMonitor(), in_flight=3))
    await again.holds(2)
    await end(work)
    assert again.data == [b"first", b"second"]
