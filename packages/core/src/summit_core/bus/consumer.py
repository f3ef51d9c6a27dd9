"""Pull consumer: messages in order, as they come, acknowledged only after the handler is done with them.

Two outstanding pull requests of ``batch`` messages keep the next ones on their way while the handler works; it gets
everything that is there, so it works on single messages when traffic is thin (latency) and on up to two batches when it
is dense (throughput). Acknowledgement is cumulative (AckPolicy all): the last message of a handled batch covers all
before it.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Final

import msgspec
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from summit_core.bus.bus import Bus
from summit_core.bus.message import Message, read_header
from summit_core.bus.protocol import inbox
from summit_core.bus.thin import Connection
from summit_core.errors import UnavailableError
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import CONSUMED, LAG

EXPIRES_S: Final = 3.0
ACK_WAIT_S: Final = 30.0
MAX_BYTES: Final = 20 * 1024 * 1024
"""Of one pull request: more than the largest message that our broker takes, or that one would never come."""
MANY: Final = 50
DENSE_S: Final = 0.005
"""After so many at once the next will be many as well: a moment's wait makes them one batch instead of several."""
GATHER_AT_MOST_S: Final = 0.2
_COMPLETE: Final = re.compile("batch|maxbytes", re.IGNORECASE)


Delivery = Message
"""A stored message as a consumer gets it."""
Handler = Callable[[list[Delivery]], Awaitable[None]]


async def consume(
    bus: Bus,
    stream: str,
    durable: str,
    handler: Handler,
    health: HealthMonitor,
    *,
    subject: str | Sequence[str] = ">",
    batch: int = 500,
    in_flight: int = 1,
    gather_s: float = 0.0,
    gather_while: Callable[[], bool] = lambda: False,
    pace_s: float = 0.0,
    after: int | None = None,
) -> None:
    """Work on a stream until an error; run it under ``supervise``. The durable remembers the place across restarts;
    who keeps it himself, with the state that belongs to it, says ``after`` which sequence he wants to go on.

    ``subject`` may be several filters; a durable that exists takes over the new ones. ``in_flight`` batches may be in
    the handler at once: they are started and acknowledged in order, so one can wait while the next is prepared. When
    the handler raises, nothing of its batch and of those behind it is acknowledged, and those behind it are called off;
    the next run starts at the first unacknowledged one. ``gather_s``, ``gather_while`` and ``pace_s`` as for
    :func:`pull`.
    """
    filters = None if subject == ">" else [subject] if isinstance(subject, str) else list(subject)
    config = ConsumerConfig(
        durable_name=durable,
        ack_policy=AckPolicy.ALL,
        ack_wait=ACK_WAIT_S,
        deliver_policy=DeliverPolicy.ALL,
        filter_subjects=filters,
        max_ack_pending=2 * batch * (in_flight + 1),
    )
    await bus.settled()
    await bus.jetstream.add_consumer(stream, config)
    await _take_back_unacknowledged(bus, stream, durable, after)
    batches = pull(bus, stream, durable, batch=batch, gather_s=gather_s, gather_while=gather_while, pace_s=pace_s)
    async with aclosing(batches), _Lane(bus, durable, handler, in_flight) as lane:
        async for deliveries in batches:
            if deliveries:
                await lane.work_on(deliveries)
            lane.check()
            health.beat(durable)


class _Lane:
    """Batches in the handler, acknowledged in the order in which they came."""

    def __init__(self, bus: Bus, durable: str, handler: Handler, in_flight: int) -> None:
        self._bus, self._handler, self._in_flight = bus, handler, in_flight
        self._works: deque[asyncio.Task[None]] = deque()
        self._consumed, self._lag = CONSUMED.labels(consumer=durable), LAG.labels(consumer=durable)

    async def __aenter__(self) -> "_Lane":
        return self

    async def __aexit__(self, *_: object) -> None:
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def work_on(self, deliveries: list[Delivery]) -> None:
        """Start on a batch; returns when there is room for another. Raises what a handler raised."""
        if self._in_flight == 1:
            await self._handler(deliveries)
            self._acknowledge(deliveries)
            return
        before = self._works[-1] if self._works else None
        self._works.append(asyncio.create_task(self._handle(deliveries, before)))
        while len(self._works) >= self._in_flight:
            await self._works[0]
            self.check()

    def check(self) -> None:
        """Let go of what is done; raises what a handler raised."""
        while self._works and self._works[0].done():
            self._works[0].result()
            self._works.popleft()

    async def _handle(self, deliveries: list[Delivery], before: asyncio.Task[None] | None) -> None:
        if before is not None and before.done():
            before.result()  # it failed, and nobody has noticed yet
        await self._handler(deliveries)
        if before is not None:
            await before
        self._acknowledge(deliveries)

    def _acknowledge(self, deliveries: list[Delivery]) -> None:
        self._bus.connection.publish(deliveries[-1].reply, b"+ACK")
        self._consumed.inc(len(deliveries))
        self._lag.set(deliveries[-1].pending)


async def _take_back_unacknowledged(bus: Bus, stream: str, durable: str, after: int | None) -> None:
    """Start again at the first unacknowledged message, or ``after`` one, now.

    A durable belongs to one process, so what a former life of it took and did not acknowledge has nobody who works on
    it. Merely resumed, the durable would send newer messages first, and the next cumulative acknowledgement would cover
    the older ones without anyone having seen them: so without this answer there is no work. It needs NATS 2.14.
    """
    start = b"" if after is None else msgspec.json.encode({"seq": after + 1})
    answer = msgspec.json.decode(await bus.request(f"$JS.API.CONSUMER.RESET.{stream}.{durable}", start))
    if "error" in answer:
        raise UnavailableError(f"cannot reset consumer {durable}: {answer['error'].get('description')}")


async def pull(
    bus: Bus,
    stream: str,
    consumer: str,
    *,
    batch: int,
    gather_s: float = 0.0,
    gather_while: Callable[[], bool] = lambda: False,
    pace_s: float = 0.0,
) -> AsyncGenerator[list[Delivery], None]:
    """Batches of what is there; an empty one at the start and every ``EXPIRES_S`` seconds, as a sign of life.

    Without ``gather_s`` each message comes as soon as it is stored. With it, the first one after a silence does, and
    then so much is let gather before it is asked for: at a thousand messages a second to several readers most of the
    work of the broker, and of a reader, is to be woken for each single one. It may gather on ``gather_while`` much more
    is to come, in steps of ``gather_s``, up to ``GATHER_AT_MOST_S``. ``pace_s`` does so on a small scale, for who has
    to be quick: messages are on their way all the time, and batches begin at least so far apart.
    """
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
    requests = (_Gathering if gather_s else _Requests)(bus.connection, subject, batch)
    delivered, loop = 0, asyncio.get_running_loop()
    try:
        while True:
            deliveries = requests.take()
            if delivered and deliveries and _has_gap(delivered, deliveries):
                raise UnavailableError(f"messages were lost on the way to {consumer}; it starts again")
            if deliveries:
                delivered = deliveries[-1].delivered
            if not gather_s:
                requests.renew()  # before the handler works, so that the next messages come meanwhile
            next_at = loop.time() + pace_s
            yield deliveries
            if gather_s:
                behind = bool(deliveries) and deliveries[-1].pending >= batch  # as much as can be has gathered already
                await _let_gather(gather_s if deliveries and not behind else 0.0, gather_while)
                requests.renew()
            elif len(deliveries) > MANY:
                await asyncio.sleep(0.0 if deliveries[-1].pending >= batch else DENSE_S)
            elif pace_s and deliveries and (left := next_at - loop.time()) > 0:
                await asyncio.sleep(left)
            await requests.news(consumer)
    finally:
        requests.close()


async def _let_gather(seconds: float, more: Callable[[], bool]) -> None:
    await asyncio.sleep(seconds)
    waited = seconds
    while seconds and waited < GATHER_AT_MOST_S and more():
        await asyncio.sleep(seconds)
        waited += seconds


class _Requests:
    """The pull requests of one consumer, and what came for them. ``wanted`` counts the messages still to come."""

    def __init__(self, connection: Connection, subject: str, batch: int) -> None:
        self._connection, self._subject, self._batch = connection, subject, batch
        self._inbox = inbox()
        self._request = _request(batch)
        self._wanted = 0
        self._arrived: list[Message] = []
        self._news = asyncio.Event()
        self._sid = connection.subscribe(self._inbox, self._arrive)
        self._cut = False
        connection.on_connected.add(self._back)

    def take(self) -> list[Delivery]:
        """What has come since; raises :class:`UnavailableError` when the consumer is gone, or when something may have
        been lost on the way."""
        if self._cut:
            raise UnavailableError("the connection to the broker was lost meanwhile; the consumer starts again")
        self._news.clear()
        arrived, self._arrived = self._arrived, []
        deliveries = []
        for message in arrived:
            if message.header and not message.data and (headers := read_header(message.header)).get("Status"):
                self._wanted -= _ended(headers, self._wanted)
            else:
                deliveries.append(message)
        self._wanted -= len(deliveries)
        return deliveries

    def renew(self) -> None:
        while self._wanted <= self._batch:
            self._connection.publish(self._subject, self._request, reply=self._inbox)
            self._wanted = max(self._wanted, 0) + self._batch

    async def news(self, consumer: str) -> None:
        try:
            async with asyncio.timeout(EXPIRES_S + 2.0):  # wait_for may swallow a cancellation on Python 3.11
                await self._news.wait()
        except TimeoutError:
            raise UnavailableError(f"the broker is silent on consumer {consumer}") from None

    def close(self) -> None:
        self._connection.on_connected.discard(self._back)
        self._connection.unsubscribe(self._sid)

    def _arrive(self, message: Message) -> None:
        self._arrived.append(message)
        self._news.set()

    def _back(self) -> None:
        """The broker that comes back has forgotten our requests, and thinks that we have what was underway."""
        self._cut = True
        self._news.set()


class _Gathering(_Requests):
    """Asks for the next message, however long it takes to come; then for all that there is, until there is none."""

    def __init__(self, connection: Connection, subject: str, batch: int) -> None:
        super().__init__(connection, subject, batch)
        self._next, self._all = _request(1), _request(batch, no_wait=True)
        self._flowing = False

    def take(self) -> list[Delivery]:
        deliveries = super().take()
        self._flowing = bool(deliveries)
        return deliveries

    def renew(self) -> None:
        if self._wanted <= 0:
            self._connection.publish(self._subject, self._all if self._flowing else self._next, reply=self._inbox)
            self._wanted = self._batch if self._flowing else 1


def _request(batch: int, *, no_wait: bool = False) -> bytes:
    until = {"no_wait": True} if no_wait else {"expires": int(EXPIRES_S * 1e9)}
    return msgspec.json.encode({"batch": batch, "max_bytes": MAX_BYTES} | until)


def _has_gap(delivered: int, deliveries: list[Delivery]) -> bool:
    """After ``delivered``. A broker that was killed may have gone back a little: that is a repetition, not a loss."""
    if deliveries[-1].delivered == delivered + len(deliveries):
        return False
    counts = [delivered, *(delivery.delivered for delivery in deliveries)]
    return any(after > before + 1 for before, after in pairwise(counts))


def _ended(headers: dict[str, str], wanted: int) -> int:
    """How many messages will not come any more. 404, 408 (the request ended) and a request that is complete by number
    or by size are normal, others mean that the consumer is gone."""
    status, description = headers["Status"], headers["Description"]
    if status == "100":
        return 0
    if status not in {"404", "408"} and not (status == "409" and _COMPLETE.search(description)):
        raise UnavailableError(f"consumer: {status} {description}")
    return int(headers.get("Nats-Pending-Messages", wanted))
