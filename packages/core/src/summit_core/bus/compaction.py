"""Room in a stream whose last message of each subject is a living object (ADR 0009).

What is older than a sequence makes way. An object whose last message is among it is copied forward first, so it only
gets a new sequence. A crash at any point loses nothing: until the purge everything is there, some of it twice.
"""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import NotFoundError
from prometheus_client import Counter

from summit_core.bus.bus import Bus
from summit_core.bus.consumer import Delivery, pull
from summit_core.bus.publisher import Outgoing
from summit_core.bus.world import COPY_OF, EXPECTED
from summit_core.errors import ConflictError, SummitError, UnavailableError

log = structlog.get_logger(__name__)

FULL_FROM: Final = 0.5
"""Fraction of the limit. The other half holds what comes between two looks, and an outage of the reader."""
NEARLY_FULL: Final = 0.9
"""From here on the present goes before the past: versions that were replaced make way although nobody recorded them."""
LEFT_KEPT: Final = timedelta(hours=1)
"""How long the mark that an object has left is copied forward, for whoever resumes the stream."""
BATCH: Final = 1000
VERSIONS_NAMED: Final = 16
UNRECORDED = Counter("summit_world_versions_unrecorded_total", "Replaced versions that made way before being recorded")


async def compact(bus: Bus, stream: str, *readers: str) -> None:
    """When the stream is half full, let the older half go, as far as all readers have acknowledged it. The first of
    them is the one that records."""
    info = await bus.jetstream.stream_info(stream)
    state, limit = info.state, info.config.max_bytes or 0
    if state.bytes <= FULL_FROM * limit:
        return
    floors = [await acknowledged(bus, stream, reader) for reader in readers]
    recorded = floors[0]
    crowded = state.bytes > NEARLY_FULL * limit
    middle = (state.first_seq + state.last_seq) // 2
    until = middle if crowded else min(middle, *floors)
    if until < state.first_seq:
        return
    if crowded:  # else a stream that is full would refuse the very copies that make room in it
        await _limit(bus, info.config, 2 * limit)
    try:
        copied = await _copy_forward(bus, stream, until, recorded, end=state.last_seq)
        await bus.jetstream.purge_stream(stream, seq=until + 1)
    finally:
        if crowded:
            await _limit(bus, info.config, limit)
    lost = max(0, until - max(recorded, state.first_seq - 1))
    UNRECORDED.inc(lost)
    log.info("stream compacted", stream=stream, until=until, copied=copied, at_most_unrecorded=lost)


async def acknowledged(bus: Bus, stream: str, reader: str) -> int:
    """The sequence up to which a durable consumer has acknowledged everything; 0 for one that has never run."""
    try:
        floor = (await bus.jetstream.consumer_info(stream, reader)).ack_floor
    except NotFoundError:
        return 0
    return floor.stream_seq if floor else 0


async def _limit(bus: Bus, config: StreamConfig, max_bytes: int) -> None:
    config.max_bytes = max_bytes
    await bus.jetstream.update_stream(config)


async def _copy_forward(bus: Bus, stream: str, until: int, recorded: int, *, end: int) -> int:
    """Copy every object whose last message is at most ``until``; raises unless each of them is safe.

    Only what the broker says it has sent and we have seen counts: a message that was lost on the way to us must not be
    purged. ``end``: what is newer was written meanwhile.
    """
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        filter_subject=">",
        inactive_threshold=30.0,
        mem_storage=True,
    )
    consumer = str((await bus.jetstream.add_consumer(stream, config)).name)
    seen, copied, idle = 0, 0, False
    async with aclosing(pull(bus, stream, consumer, batch=BATCH)) as batches:
        async for deliveries in batches:
            seen += len(deliveries)
            copied += await _copy(bus, [one for one in deliveries if one.seq <= until], recorded)
            if deliveries:
                done, sent = not deliveries[-1].pending or deliveries[-1].seq > end, deliveries[-1].delivered
            else:
                known = await bus.jetstream.consumer_info(stream, consumer)
                sent = known.delivered.consumer_seq if known.delivered else 0
                done = not known.num_pending and (seen == sent or idle)  # else they may be on their way
            idle = not deliveries
            if done and seen != sent:
                raise UnavailableError(f"{sent - seen} objects were lost on the way; the compaction starts again")
            if done:
                break
    return copied


async def _copy(bus: Bus, deliveries: list[Delivery], recorded: int) -> int:
    before = datetime.now(UTC) - LEFT_KEPT
    living = [one for one in deliveries if one.timestamp > before or not _has_left(one)]
    outcomes = await bus.publish_each([_forward(one, recorded) for one in living])
    for outcome in outcomes:
        if isinstance(outcome, SummitError) and not isinstance(outcome, ConflictError):
            raise outcome  # a conflict is well: there is something newer, or it has just ended
    return sum(isinstance(outcome, int) for outcome in outcomes)


class _Event(msgspec.Struct):
    op: str = ""


def _has_left(delivery: Delivery) -> bool:
    try:
        return msgspec.json.decode(delivery.data, type=_Event).op == "delete"
    except msgspec.DecodeError:
        return False  # whatever it is, it is the last of its subject


def _forward(delivery: Delivery, recorded: int) -> Outgoing:
    """The same message, unless its subject has a newer one. A copy of what was not recorded does not say that it is
    one, so that it will be."""
    headers = {name: value for name, value in delivery.headers.items() if not name.startswith("Nats-")}
    headers[EXPECTED] = str(delivery.seq)
    before = headers.pop(COPY_OF, "").split()
    if delivery.seq <= recorded:
        headers[COPY_OF] = " ".join((*before[1 - VERSIONS_NAMED :], str(delivery.seq)))
    return Outgoing(delivery.subject, delivery.data, None, headers)
