"""The loops that take from the streams: validator, recorder, dead-letter recorder, world recorder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter as CounterMetric
from summit_core import wire
from summit_core.bus import Bus, Change, Delivery
from summit_core.bus.streams import DEADLETTER_SUBJECT, VALIDATED_SUBJECT
from summit_core.model import AnyObservation, DeadLetter, WorldEvent
from summit_core.observability.metrics import ACCEPTED, RECEIVED, REJECTED

from summit_fabric.judge import Input, Verdict, door_of, judge
from summit_fabric.store import Store, storable

log = structlog.get_logger(__name__)

OBSERVATIONS_A_MESSAGE: Final = 400
BYTES_A_MESSAGE: Final = 900_000
UNREADABLE = CounterMetric("summit_unreadable_messages_total", "Internal messages that could not be read", ["stream"])


class Validator:
    """From what producers sent to validated batches and dead letters."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def handle(self, deliveries: list[Delivery]) -> None:
        inputs = [Input(d.subject, d.data, d.seq, d.timestamp, door_of(d.headers)) for d in deliveries]
        verdicts = [judge(one) for one in inputs]
        accepted = [observation for verdict in verdicts for observation in verdict.accepted]
        name = f"validated-{deliveries[0].timestamp.timestamp()}-{deliveries[0].seq}-{deliveries[-1].seq}"
        messages = [(VALIDATED_SUBJECT, data, f"{name}-{part}") for part, data in enumerate(encode_in_parts(accepted))]
        letters = [letter for verdict in verdicts for letter in verdict.refused]
        messages += [(f"{DEADLETTER_SUBJECT}.{one.door}", wire.encode(one), one.id) for one in letters]
        await self._bus.publish_many(messages)
        _count(inputs, verdicts)


class Recorder:
    """From the streams to the store; acknowledged only after the commit, so a database that is away delays and loses
    nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def observations(self, deliveries: list[Delivery]) -> None:
        observations = [one for _, batch in read_batches(deliveries) for one in batch]
        if observations:
            await self._store.record(observations)

    async def dead_letters(self, deliveries: list[Delivery]) -> None:
        letters = []
        for delivery in deliveries:
            try:
                letters.append(msgspec.json.decode(storable(delivery.data), type=DeadLetter))
            except msgspec.DecodeError as error:
                _unreadable("DEADLETTERS", delivery, error)
        if letters:
            await self._store.bury(letters)

    async def world(self, deliveries: list[Delivery]) -> None:
        changes = []
        for delivery in deliveries:
            try:
                changes.append(Change(delivery.seq, msgspec.json.decode(storable(delivery.data), type=WorldEvent)))
            except msgspec.DecodeError as error:
                _unreadable("WORLD", delivery, error)
        if changes:
            await self._store.remember(changes)


def encode_in_parts(observations: Sequence[AnyObservation]) -> Iterator[bytes]:
    """MessagePack batches that the broker takes: at most 400 observations and 900 kB each, in order."""
    for start in range(0, len(observations), OBSERVATIONS_A_MESSAGE):
        yield from _halved(observations[start : start + OBSERVATIONS_A_MESSAGE])


def _halved(part: Sequence[AnyObservation]) -> Iterator[bytes]:
    data = wire.encode_batch(part)
    if len(data) <= BYTES_A_MESSAGE or len(part) == 1:
        yield data
        return
    middle = len(part) // 2
    yield from _halved(part[:middle])
    yield from _halved(part[middle:])


def read_batches(deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, list[AnyObservation]]]:
    """The validated batches; one that cannot be read is logged and counted, and does not stop the others."""
    for delivery in deliveries:
        try:
            yield delivery, wire.decode_batch(delivery.data)
        except msgspec.DecodeError as error:
            _unreadable("OBSERVATIONS", delivery, error)


def _unreadable(stream: str, delivery: Delivery, error: Exception) -> None:
    UNREADABLE.labels(stream=stream).inc()
    log.error("unreadable message skipped", stream=stream, subject=delivery.subject, seq=delivery.seq, error=str(error))


def _count(inputs: list[Input], verdicts: list[Verdict]) -> None:
    """Metrics by door, once everything is stored."""
    good: Counter[str] = Counter()
    bad: Counter[tuple[str, str]] = Counter()
    for message, verdict in zip(inputs, verdicts, strict=True):
        good[message.door] += len(verdict.accepted)
        bad.update((message.door, letter.code) for letter in verdict.refused)
    for door, count in good.items():
        RECEIVED.labels(door=door).inc(count)
        ACCEPTED.labels(door=door).inc(count)
    for (door, code), count in bad.items():
        RECEIVED.labels(door=door).inc(count)
        REJECTED.labels(door=door, code=code).inc(count)
