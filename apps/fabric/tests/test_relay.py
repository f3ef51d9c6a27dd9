"""The keeper gets each stored batch once and in order, whichever of the two ways brings it first."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core import wire
from summit_core.bus import Delivery
from summit_core.errors import UnavailableError
from summit_core.model import Telemetry
from summit_fabric.decoded import Batch, Decoded
from summit_fabric.held import Held
from summit_fabric.relay import MESSAGES_UNDERWAY, Relay

AT = datetime(2026, 5, 1, tzinfo=UTC)


class Taking:
    """The keeper's side: what it took, in which order; it writes when it may."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.may_write = asyncio.Event()
        self.broken = False

    def take(self, batches: Iterable[Batch], *, waiting: int) -> dict[str, Held]:
        self.taken += [int(one.source) for batch in batches for one in batch.observations]
        return {}

    async def show(self, touched: dict[str, Held]) -> None:
        await self.may_write.wait()
        if self.broken:
            raise UnavailableError("no broker")

    async def observations(self, deliveries: list[Delivery]) -> None:
        found = [wire.decode_batch(delivery.data) for delivery in deliveries]
        await self.show(self.take([Batch(one, [None] * len(one)) for one in found], waiting=0))


def batch(number: int) -> Batch:
    return Batch([Telemetry(source=str(number), observed_at=AT, category="crew", lat=39.5, lon=-121.9)], [None])


def delivery(number: int) -> Delivery:
    reply = f"$JS.ACK.OBSERVATIONS.fabric-keeper.1.{number}.{number}.1800000000000000000.0"
    return Delivery("validated.observations", wire.encode_batch(batch(number).observations), reply)


class Stream:
    """Messages from 1: the broker's word to the validator, and what the durable delivers, each as late as it likes."""

    def __init__(self) -> None:
        self.keeper = Taking()
        self.relay = Relay(self.keeper, Decoded())
        self.stored = self.told = self.delivered = 0
        self.handled: list[asyncio.Task[None]] = []

    def store(self, count: int) -> None:
        self.stored += count

    def tell(self, count: int) -> None:
        count = min(count, self.stored - self.told)
        numbers = range(self.told + 1, self.told + 1 + count)
        self.relay.pass_on(list(numbers), [batch(number) for number in numbers])
        self.told += count

    async def deliver(self, count: int) -> None:
        count = min(count, self.stored - self.delivered)
        if count:
            some = [delivery(self.delivered + 1 + place) for place in range(count)]
            self.delivered += count
            self.handled.append(asyncio.create_task(self.relay.deliveries(some)))
            await asyncio.sleep(0)


STEPS = st.lists(st.tuples(st.sampled_from(["store", "tell", "deliver"]), st.integers(1, 4)), max_size=60)


@settings(max_examples=200)
@given(STEPS)
def test_each_once_and_in_order_however_the_two_ways_interleave(steps: list[tuple[str, int]]) -> None:
    async def play() -> tuple[Stream, int]:
        stream = Stream()
        for step, count in steps:
            if step == "deliver":
                await stream.deliver(count)
            else:
                getattr(stream, step)(count)
        await stream.deliver(stream.stored)
        unwritten = sum(not task.done() for task in stream.handled)
        stream.keeper.may_write.set()
        await asyncio.gather(*stream.handled)
        return stream, unwritten

    stream, unwritten = asyncio.run(play())
    assert stream.keeper.taken == list(range(1, stream.stored + 1))
    assert unwritten == len(stream.handled)  # nothing was acknowledged that was not written


async def test_what_is_stored_next_does_not_wait_for_the_durable() -> None:
    stream = Stream()
    stream.store(3)
    await stream.deliver(1)
    stream.tell(1)  # the durable was first
    stream.tell(2)
    assert stream.keeper.taken == [1, 2, 3]
    await stream.relay.close()
    stream.handled[0].cancel()


async def test_what_could_not_be_written_comes_again() -> None:
    stream = Stream()
    stream.store(2)
    stream.keeper.may_write.set()
    await stream.deliver(1)
    stream.keeper.broken = True
    stream.tell(1)
    stream.tell(1)
    await stream.deliver(1)
    with pytest.raises(UnavailableError):
        await stream.handled[1]
    stream.keeper.broken, stream.delivered = False, 1
    await stream.deliver(1)  # the durable starts again at the first that nobody acknowledged
    await stream.handled[2]
    assert stream.keeper.taken == [1, 2, 2]


async def test_what_the_process_holds_is_bounded() -> None:
    stream = Stream()
    stream.store(1)
    await stream.deliver(1)
    stream.tell(1)
    stream.store(2 * MESSAGES_UNDERWAY)
    for _ in range(2 * MESSAGES_UNDERWAY):
        stream.tell(1)
    assert len(stream.keeper.taken) == 1 + MESSAGES_UNDERWAY
    await stream.deliver(stream.stored)
    assert stream.keeper.taken == list(range(1, stream.stored + 1))
    stream.keeper.may_write.set()
    await asyncio.gather(*stream.handled)
    await stream.relay.close()
