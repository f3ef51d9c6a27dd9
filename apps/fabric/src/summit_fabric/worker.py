"""The loops that take from the streams: validator, recorder, dead-letter recorder, world recorder."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter as CounterMetric
from summit_core import wire
from summit_core.bus import Bus, Delivery, Outgoing
from summit_core.bus.owners import Owners
from summit_core.bus.streams import DEADLETTER_SUBJECT
from summit_core.bus.subjects import BATCH_HEADERS, BATCH_SUBJECT, MIXED, NOWHERE, partition, validated
from summit_core.model import AnyObservation, DeadLetter
from summit_core.observability.metrics import ACCEPTED, RECEIVED, REJECTED

from summit_fabric.claims import ORGANISATION, settle
from summit_fabric.decoded import Batch, Decoded, cell_of
from summit_fabric.judge import Door, Input, Verdict, door_of, judge_all, judge_into
from summit_fabric.resume import THROUGH, published_unacknowledged
from summit_fabric.rows import storable
from summit_fabric.store import Store

log = structlog.get_logger(__name__)

PassOn = Callable[[Sequence[int], Sequence[Batch]], None]

VALIDATOR: Final = "fabric-validator"
STATUSES: Final = "fabric-statuses"
RECORDER: Final = "fabric-recorder"
OBSERVATIONS_A_MESSAGE: Final = 1000
BYTES_A_MESSAGE: Final = 900_000
OBSERVATIONS_A_TRANSACTION: Final = 10_000
GATHER_S: Final = 0.03
"""A transaction costs as much as some hundred observations, so a few wait a moment for more."""
MUCH: Final = 1000
WORTH_A_TRANSACTION: Final = 8000
"""While so many messages wait to be judged, so many observations are let gather: each transaction writes the account of
each of its sources."""
PACE_S: Final = 0.001
"""Two or three single messages of a thousand devices cost little more than one, all the way to the console."""
AT_A_STRETCH: Final = 250
"""Messages judged before the others have their turn: a millisecond or two."""
SUBJECTS_A_BATCH: Final = 16
A_FEW: Final = 32
UNREADABLE = CounterMetric("summit_unreadable_messages_total", "Internal messages that could not be read", ["stream"])


class Validator:
    """From what producers sent to validated batches, each of one place and kind, and dead letters."""

    def __init__(self, bus: Bus, decoded: Decoded, owners: Owners, pass_on: PassOn = lambda *_: None) -> None:
        """``pass_on`` gets what is stored, with its sequences."""
        self._bus = bus
        self._pass_on = pass_on
        self._decoded = decoded
        self._owners = owners
        self._published: Counter[str] = Counter()

    async def resume(self) -> None:
        """Before the first message, and after each failure: look up what of the next ones is published already."""
        self._published = await published_unacknowledged(self._bus, VALIDATOR)

    async def handle(self, deliveries: list[Delivery]) -> None:
        verdict = Verdict()
        good: Counter[Door] = Counter()
        for start in range(0, len(deliveries), AT_A_STRETCH):
            if start:
                await asyncio.sleep(0)  # the recorder talks with the database meanwhile
            self._judge(deliveries[start : start + AT_A_STRETCH], verdict, good)
        last, self._decoded.waiting = deliveries[-1].seq, deliveries[-1].pending
        left = self._unpublished(verdict.accepted)
        # By how much is left: after a crash a part of what is left may not go by the name of one that the broker knows.
        name = f"validated-{deliveries[0].timestamp.timestamp()}-{deliveries[0].seq}-{last}-{len(left)}"
        messages: list[Outgoing | tuple[str, bytes, str | None]] = []
        parts: list[Batch] = []
        for subject, batch in partitioned(left):
            for data, part in encoded_in_parts(batch):
                self._decoded.remember(data, part)
                parts.append(part)
                messages.append(Outgoing(subject, data, f"{name}-{len(messages)}", {THROUGH: str(last)}))
        messages += [_buried(one) for one in verdict.refused]
        sequences = await self._bus.publish_many(messages)
        self._pass_on(sequences[: len(parts)], parts)
        _count(good, verdict.refused)

    async def statuses(self, deliveries: list[Delivery]) -> None:
        """What devices say of their links is no observation; what of it cannot be read is a dead letter as well."""
        verdict = Verdict()
        for delivery in deliveries:
            message, before = input_of(delivery), (0, len(verdict.refused))
            judge_into(message, verdict)
            self._settle(delivery, message, verdict, before)
        await self._bus.publish_many([_buried(one) for one in verdict.refused])
        _count(Counter(), verdict.refused)

    def _judge(self, deliveries: list[Delivery], verdict: Verdict, good: Counter[Door]) -> None:
        """All at once; what holds that up is looked for by halves."""
        found = judge_all(deliveries) if self._owners.alone else None
        if found is not None:
            observations, by_mqtt = found
            verdict.accepted += observations
            good["mqtt"] += by_mqtt
            good["nats"] += len(observations) - by_mqtt
        elif len(deliveries) > 1 and self._owners.alone:
            middle = len(deliveries) // 2
            self._judge(deliveries[:middle], verdict, good)
            self._judge(deliveries[middle:], verdict, good)
        else:
            for delivery in deliveries:
                message, before = input_of(delivery), (len(verdict.accepted), len(verdict.refused))
                judge_into(message, verdict)
                self._settle(delivery, message, verdict, before)
                good[message.door] += len(verdict.accepted) - before[0]

    def _settle(self, delivery: Delivery, message: Input, verdict: Verdict, start: tuple[int, int]) -> None:
        """Nothing to do in an installation of one organisation."""
        headers = delivery.headers if delivery.header else {}
        alone = self._owners.alone and ORGANISATION not in headers
        if not alone or any(one.organisation is not None for one in verdict.accepted[start[0] :]):
            settle(message, headers, verdict, start, self._owners)

    def _unpublished(self, accepted: list[AnyObservation]) -> list[AnyObservation]:
        if not self._published:
            return accepted
        left = []
        for one in accepted:
            if self._published[str(one.id)] > 0:
                self._published[str(one.id)] -= 1
            else:
                left.append(one)
        self._published = +self._published
        return left


class Recorder:
    """From the streams to the store; acknowledged only after the commit, so a database that is away delays and loses
    nothing."""

    def __init__(self, store: Store, decoded: Decoded) -> None:
        self._store = store
        self._decoded = decoded

    async def observations(self, deliveries: list[Delivery]) -> None:
        """One transaction of very many would hold up the next for long. All are begun before anybody behind us is, as
        the store keeps their order."""
        batches = grouped(read_batches(deliveries, self._decoded))
        works = [asyncio.create_task(self._store.record(group)) for group in batches]
        try:
            for work in works:
                await work
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def much_to_come(self) -> bool:
        """A transaction that is begun a moment later is larger, and of those each account is written once."""
        return self._decoded.waiting > MUCH and self._decoded.held < WORTH_A_TRANSACTION

    async def dead_letters(self, deliveries: list[Delivery]) -> None:
        letters = []
        for delivery in deliveries:
            try:
                letters.append(msgspec.json.decode(storable(delivery.data), type=DeadLetter))
            except msgspec.DecodeError as error:
                _unreadable("DEADLETTERS", delivery, error)
        if letters:
            await self._store.bury(letters)


def _buried(letter: DeadLetter) -> tuple[str, bytes, str | None]:
    return f"{DEADLETTER_SUBJECT}.{letter.door}", wire.encode(letter), letter.id


def input_of(delivery: Delivery) -> Input:
    subject, data, seq, at = delivery.subject, delivery.data, delivery.seq, delivery.timestamp
    if not delivery.header:
        return Input(subject, data, seq, at, "nats")
    headers = delivery.headers
    batch = subject == BATCH_SUBJECT and headers.get("Content-Type") == BATCH_HEADERS["Content-Type"]
    return Input(subject, data, seq, at, door_of(headers), batch)


def partitioned(observations: Sequence[AnyObservation]) -> Iterator[tuple[str, Batch]]:
    """Batches by place and kind, each in the order given. When they lie far apart, the few of a cell go together."""
    groups: dict[tuple[int | str, str], tuple[list[AnyObservation], list[int | None]]] = {}
    for one in observations:
        cell = cell_of(one)
        key = _key(cell, wire.kind_of(one))
        group = groups.get(key)
        if group is None:
            group = groups[key] = ([], [])
        group[0].append(one)
        group[1].append(cell)
    if len(groups) > SUBJECTS_A_BATCH:
        few = {key for key, (members, _) in groups.items() if len(members) < A_FEW and key[0] != NOWHERE}
        yield from _mixed([one for one in observations if _key(cell_of(one), wire.kind_of(one)) in few])
        groups = {key: group for key, group in groups.items() if key not in few}
    for key, group in groups.items():
        yield validated(*key), Batch(*group)


def _mixed(observations: Sequence[AnyObservation]) -> Iterator[tuple[str, Batch]]:
    """By kind alone."""
    for kind in dict.fromkeys(map(wire.kind_of, observations)):
        members = [one for one in observations if wire.kind_of(one) == kind]
        yield validated(MIXED, kind), Batch(members, [cell_of(one) for one in members])


@lru_cache(maxsize=65_536)
def _key(cell: int | None, kind: str) -> tuple[int | str, str]:
    """Where a batch that holds an observation belongs, and its kind."""
    return NOWHERE if cell is None else partition(cell), kind


def encoded_in_parts(batch: Batch) -> Iterator[tuple[bytes, Batch]]:
    """MessagePack batches that the broker takes: bounded in number and bytes, in order."""
    size = len(batch.observations)
    if size <= OBSERVATIONS_A_MESSAGE:
        data = wire.encode_batch(batch.observations)
        if len(data) <= BYTES_A_MESSAGE or size == 1:
            yield data, batch
            return
    middle = (size + 1) // 2
    yield from encoded_in_parts(Batch(batch.observations[:middle], batch.cells[:middle]))
    yield from encoded_in_parts(Batch(batch.observations[middle:], batch.cells[middle:]))


def grouped(batches: Iterable[tuple[Delivery, Batch]]) -> Iterator[list[tuple[Delivery, Batch]]]:
    """Batches for one transaction each."""
    group: list[tuple[Delivery, Batch]] = []
    held = 0
    for delivery, batch in batches:
        if group and held + len(batch.observations) > OBSERVATIONS_A_TRANSACTION:
            yield group
            group, held = [], 0
        group.append((delivery, batch))
        held += len(batch.observations)
    if held:
        yield group


def read_batches(deliveries: Iterable[Delivery], decoded: Decoded) -> Iterator[tuple[Delivery, Batch]]:
    """The validated batches; one that cannot be read is logged and counted, and does not stop the others."""
    for delivery in deliveries:
        try:
            yield delivery, decoded.read(delivery.data)
        except msgspec.DecodeError as error:
            _unreadable("OBSERVATIONS", delivery, error)


def _unreadable(stream: str, delivery: Delivery, error: Exception) -> None:
    UNREADABLE.labels(stream=stream).inc()
    log.error("unreadable message skipped", stream=stream, subject=delivery.subject, seq=delivery.seq, error=str(error))


def _count(good: Counter[Door], refused: Iterable[DeadLetter]) -> None:
    """Metrics by door, once everything is stored."""
    for door, count in good.items():
        RECEIVED.labels(door=door).inc(count)
        ACCEPTED.labels(door=door).inc(count)
    for (door, code), count in Counter((letter.door, letter.code) for letter in refused).items():
        RECEIVED.labels(door=door).inc(count)
        REJECTED.labels(door=door, code=code).inc(count)
