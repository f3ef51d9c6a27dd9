"""The recorder against the real database: each message is entered in the books exactly once, whatever comes again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import msgspec
import pytest
from summit_core import wire
from summit_core.bus import Delivery
from summit_core.clock import ManualClock
from summit_core.errors import UnavailableError
from summit_core.ids import derived_id
from summit_core.model import Measurement, SourceAccount
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool, create_pool
from summit_fabric import worker
from summit_fabric.accounts import Ledger
from summit_fabric.books import Books, Entered
from summit_fabric.decoded import Decoded
from summit_fabric.partitions import Partitions
from summit_fabric.silence import SILENT_SOURCES, Silence
from summit_fabric.store import Store
from summit_fabric.worker import Recorder
from waiting import eventually

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, name="test")
    yield pool
    await pool.close()


def recorder(pool: Pool, books: Books | None = None) -> Recorder:
    """As a process that has just started."""
    partitions = Partitions(pool, ManualClock(NOW), days=30)
    return Recorder(Store(pool, partitions, books or Books()), Decoded())


def message(seq: int, *numbers: int, stored_at: datetime = NOW) -> Delivery:
    """The message ``seq`` of the stream with the observations of these numbers; even ones are of source a."""
    observations = [
        Measurement(
            id=derived_id(NOW, str(number)),
            source="ab"[number % 2],
            seq=number // 2,
            observed_at=NOW + timedelta(seconds=number),
            received_at=NOW + timedelta(seconds=number),
            quantity="q",
            value=1.0,
            unit="m",
        )
        for number in numbers
    ]
    stored_ns = int(stored_at.timestamp()) * 10**9 + seq
    return Delivery(
        "validated.none.measurement", wire.encode_batch(observations), f"$JS.ACK.O.r.1.{seq}.1.{stored_ns}.0"
    )


async def counts(pool: Pool) -> dict[str, tuple[int, int, int]]:
    """Received, stored and duplicate of each source; the rows must agree."""
    rows = await pool.fetch("SELECT account FROM sources ORDER BY id")
    ledgers = [msgspec.json.decode(row["account"], type=Ledger) for row in rows]
    stored = dict(await pool.fetch("SELECT source, count(*) FROM observations GROUP BY 1"))
    assert {ledger.id: ledger.stored for ledger in ledgers if ledger.stored} == stored
    return {ledger.id: (ledger.received, ledger.stored, ledger.duplicate) for ledger in ledgers}


async def test_a_message_that_comes_again_after_a_crash_is_not_counted_again(pool: Pool) -> None:
    first, second = message(1, 0, 1, 2), message(2, 2, 3)  # 2 is sent twice: a true duplicate
    await recorder(pool).observations([first])
    await recorder(pool).observations([first, second])
    await recorder(pool).observations([first, second])
    await recorder(pool).observations([second, message(3, 3)])
    assert await counts(pool) == {"a": (3, 2, 1), "b": (3, 2, 1)}


async def test_a_stream_that_began_anew_is_recorded(pool: Pool) -> None:
    await recorder(pool).observations([message(7, 0, 1)])
    await recorder(pool).observations([message(1, 1, 2, stored_at=NOW + timedelta(hours=1))])
    assert await counts(pool) == {"a": (2, 2, 0), "b": (2, 1, 1)}


async def test_duplicates_in_a_batch_and_a_sequence_of_careful_ones(pool: Pool) -> None:
    one = recorder(pool)
    sent = [(0, 0, 1), (0, 2), (3, 4), (4, 4, 5, 1), (6,), (6,)]
    for seq, numbers in enumerate(sent, start=1):
        await one.observations([message(seq, *numbers)])
    every = [number for numbers in sent for number in numbers]
    for source, parity in (("a", 0), ("b", 1)):
        mine = [number for number in every if number % 2 == parity]
        assert (await counts(pool))[source] == (len(mine), len(set(mine)), len(mine) - len(set(mine)))


async def test_batches_underway_together_are_entered_in_the_order_of_the_stream(pool: Pool) -> None:
    """Each repeats keys of the one before it, in another order: it waits for them, and never they for it."""
    one = recorder(pool)
    sent = [tuple(range(start, start + 8))[:: -1 if start % 2 else 1] for start in range(0, 40, 3)]
    async with asyncio.timeout(20):
        await asyncio.gather(*(one.observations([message(seq, *numbers)]) for seq, numbers in enumerate(sent, start=1)))
    every = [number for numbers in sent for number in numbers]
    for source, parity in (("a", 0), ("b", 1)):
        mine = [number for number in every if number % 2 == parity]
        assert (await counts(pool))[source] == (len(mine), len(set(mine)), len(mine) - len(set(mine)))
    last = (NOW, len(sent))
    assert tuple(await pool.fetchrow("SELECT date_trunc('second', at), seq FROM books")) == last
    await recorder(pool).observations([message(seq, *numbers) for seq, numbers in enumerate(sent, start=1)])
    assert sum(received for received, _, _ in (await counts(pool)).values()) == len(every), "counted once"


async def test_batches_of_several_transactions_are_entered_in_the_order_of_the_stream(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are when the recorder has to catch up. Else a message that comes again after a crash would count as a
    duplicate: those entered in the books are known by the last of them."""
    monkeypatch.setattr(worker, "OBSERVATIONS_A_TRANSACTION", 2)
    one, sent = recorder(pool), [message(seq, 2 * seq, 2 * seq + 1) for seq in range(1, 9)]
    entered = []
    write = Books.write

    async def note(books: Books, connection: asyncpg.Connection, ledgers: Any, at: datetime, seq: Entered) -> None:
        entered.append(seq.seq)
        await write(books, connection, ledgers, at, seq)

    monkeypatch.setattr(Books, "write", note)
    async with asyncio.timeout(20):
        await asyncio.gather(one.observations(sent[:3]), one.observations(sent[3:4]), one.observations(sent[4:]))
    assert entered == list(range(1, 9))


async def test_when_a_batch_fails_those_begun_behind_it_fail_and_all_are_entered_when_they_come_again(
    pool: Pool,
) -> None:
    one, first, second = recorder(pool), message(1, 0, 1), message(2, 1, 2)
    failing = asyncio.create_task(one.observations([first]))
    behind = asyncio.create_task(one.observations([second]))
    for _ in range(2):
        await asyncio.sleep(0)  # both are begun, and the transaction of each
    failing.cancel()
    await asyncio.wait({failing, behind})
    assert failing.cancelled() and isinstance(behind.exception(), UnavailableError)
    assert await counts(pool) == {}
    await one.observations([first])
    await one.observations([second])
    assert await counts(pool) == {"a": (2, 2, 0), "b": (2, 1, 1)}


async def test_two_fabrics_for_a_moment_keep_one_set_of_books(pool: Pool) -> None:
    old, new = recorder(pool), recorder(pool)
    for (number, writer), _ in pairwise([*enumerate([old, new, old, old, new, new, old]), (0, old)]):
        await writer.observations([message(number + 1, number)])
    assert await counts(pool) == {"a": (4, 4, 0), "b": (3, 3, 0)}


async def test_an_unreadable_message_does_not_stop_the_others(pool: Pool) -> None:
    broken = Delivery("validated.none.measurement", b"\xc1", "$JS.ACK.O.r.1.1.1.1.0")
    await recorder(pool).observations([broken, message(2, 0)])
    await recorder(pool).observations([broken])
    assert await counts(pool) == {"a": (1, 1, 0)}


class Ears:
    """Stands in for the keeper."""

    def __init__(self, heard_at: datetime) -> None:
        self.at = heard_at

    def heard_at(self, _: str) -> datetime:
        return self.at

    def freshness_of(self, *_: object) -> str:
        return "live"


async def test_silence_is_told_by_the_rhythm_that_a_restart_does_not_forget(pool: Pool) -> None:
    minutes = [message(n + 1, 120 * n) for n in range(5)]  # a speaks every two minutes
    await recorder(pool).observations(minutes)
    clock, books, ears = ManualClock(NOW + timedelta(seconds=480)), Books(lambda source: None), Ears(NOW)
    silence = Silence(books, ears, clock)  # type: ignore[arg-type]  # what it asks of the keeper
    await books.load(pool)
    (ledger,) = books.ledgers()

    def account() -> SourceAccount:
        return silence.account(ledger)

    assert (books.interval_of("a"), account().expected_interval_s, account().silent) == (120, 120, False)
    clock.advance(361)
    assert (account().silent, account().silent_since) == (True, NOW + timedelta(seconds=600))
    silence.measure()
    assert SILENT_SOURCES._value.get() == 1
    ears.at = NOW + timedelta(seconds=500)  # heard, only not recorded yet: the database is away
    assert not account().silent
    books.stated = lambda source: 20.0
    assert (account().silent, account().expected_interval_s) == (True, 20)


async def test_the_metrics_follow_the_books(pool: Pool) -> None:
    books, health = Books(), HealthMonitor()
    health.expect("fabric-silence")
    silence = Silence(books, Ears(NOW), ManualClock(NOW))  # type: ignore[arg-type]  # what it asks of the keeper
    watching = asyncio.create_task(silence.watch(health, pool))
    await eventually(lambda: books.loaded)
    watching.cancel()
    assert books.ledgers() == []
