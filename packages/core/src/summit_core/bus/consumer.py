"""Pull consumer: messages in order, as they come, acknowledged only after the handler is done with them.

One outstanding pull request of ``batch`` messages feeds a queue; the handler gets everything that is there, so it works
on single messages when traffic is thin (latency) and on whole batches when it is dense (throughput). Acknowledgement is
cumulative (AckPolicy all): the last message of a handled batch covers all before it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from summit_core.bus.bus import Bus
from summit_core.errors import UnavailableError
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import CONSUMED, LAG

EXPIRES_S: Final = 3.0
ACK_WAIT_S: Final = 30.0
UNSTORED: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One stored message. ``timestamp`` is when the stream stored it: the same at every redelivery."""

    subject: str
    data: bytes
    seq: int
    pending: int
    reply: str
    headers: dict[str, str] = field(default_factory=dict)
    timestamp: datetime = UNSTORED
    delivered: int = 0
    """Counts the messages that the broker sent to this consumer, from 1."""


Handler = Callable[[list[Delivery]], Awaitable[None]]


async def consume(
    bus: Bus,
    stream: str,
    durable: str,
    handler: Handler,
    health: HealthMonitor,
    *,
    subject: str = ">",
    batch: int = 500,
) -> None:
    """Work on a stream until an error; run it under ``supervise``. The durable remembers the place across restarts.

    When the handler raises, nothing of its batch is acknowledged; the next run starts at the first unacknowledged one.
    """
    config = ConsumerConfig(
        durable_name=durable,
        ack_policy=AckPolicy.ALL,
        ack_wait=ACK_WAIT_S,
        deliver_policy=DeliverPolicy.ALL,
        filter_subject=None if subject == ">" else subject,
        max_ack_pending=batch * 4,
    )
    await bus.jetstream.add_consumer(stream, config)
    await _take_back_unacknowledged(bus, stream, durable)
    async for deliveries in pull(bus, stream, durable, batch=batch):
        if deliveries:
            await handler(deliveries)
            await bus.client.publish(deliveries[-1].reply, b"+ACK")
            CONSUMED.labels(consumer=durable).inc(len(deliveries))
            LAG.labels(consumer=durable).set(deliveries[-1].pending)
        health.beat(durable)


async def _take_back_unacknowledged(bus: Bus, stream: str, durable: str) -> None:
    """Start again at the first unacknowledged message, now.

    A durable belongs to one process, so what a former life of it took and did not acknowledge has nobody who works on
    it. Merely resumed, the durable would send newer messages first, and the next cumulative acknowledgement would cover
    the older ones without anyone having seen them: so without this answer there is no work. It needs NATS 2.14.
    """
    answer = msgspec.json.decode(await bus.request(f"$JS.API.CONSUMER.RESET.{stream}.{durable}", b""))
    if "error" in answer:
        raise UnavailableError(f"cannot reset consumer {durable}: {answer['error'].get('description')}")


async def pull(bus: Bus, stream: str, consumer: str, *, batch: int) -> AsyncIterator[list[Delivery]]:
    """Batches of what is there; an empty one at the start and every ``EXPIRES_S`` seconds, as a sign of life."""
    queue: asyncio.Queue[Msg | None] = asyncio.Queue()

    def ask_again() -> None:
        queue.put_nowait(None)

    bus.on_reconnect.add(ask_again)  # the server that comes back has forgotten our request
    inbox = bus.client.new_inbox()
    subscription = await bus.client.subscribe(inbox, cb=queue.put)
    request = msgspec.json.encode({"batch": batch, "expires": int(EXPIRES_S * 1e9)})
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
    wanted = expected = 0
    try:
        while True:
            if wanted <= 0:
                await bus.client.publish(subject, request, reply=inbox)
                wanted = batch
                yield []
            try:
                async with asyncio.timeout(EXPIRES_S + 2.0):  # wait_for may swallow a cancellation on Python 3.11
                    first = await queue.get()
            except TimeoutError:
                raise UnavailableError(f"the broker is silent on consumer {consumer}") from None
            messages = [first]
            while not queue.empty():
                messages.append(queue.get_nowait())
            deliveries = []
            for message in messages:
                if message is None or _is_status(message):
                    wanted = 0
                else:
                    wanted -= 1
                    delivery = _delivery(message)
                    if 0 < expected < delivery.delivered - 1:
                        raise UnavailableError(f"messages were lost on the way to {consumer}; it starts again")
                    expected = delivery.delivered
                    deliveries.append(delivery)
            yield deliveries
    finally:
        bus.on_reconnect.discard(ask_again)
        if bus.client.is_connected:
            await subscription.unsubscribe()


def _is_status(message: Msg) -> bool:
    """A status instead of a message: 404, 408 (the request ended) are normal, others mean the consumer is gone."""
    status = (message.headers or {}).get("Status") if not message.data else None
    if status is None:
        return False
    if status not in {"404", "408", "100"} and not (status == "409" and _ended(message)):
        raise UnavailableError(f"consumer: {status} {(message.headers or {}).get('Description', '')}")
    return True


def _ended(message: Msg) -> bool:
    return "batch" in str((message.headers or {}).get("Description", "")).lower()


def _delivery(message: Msg) -> Delivery:
    meta = message.metadata
    return Delivery(
        subject=message.subject,
        data=message.data,
        seq=meta.sequence.stream,
        pending=meta.num_pending,
        reply=message.reply,
        headers=dict(message.headers or {}),
        timestamp=meta.timestamp,
        delivered=meta.sequence.consumer,
    )
