"""What fabric writes to PostgreSQL: each batch in one transaction with the accounts that it changes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import asyncpg
import msgspec
from summit_core import geo, wire
from summit_core.bus import Change
from summit_core.model import AnyObservation, DeadLetter
from summit_core.observability.metrics import DUPLICATE, STORED
from summit_core.store import Pool, insert_ignoring_duplicates

from summit_fabric import accounts, partitions
from summit_fabric.accounts import Entry, Ledger

ACCOUNTS_LOCK: Final = 7_305_119
"""Observations and dead letters change the same accounts, so the second transaction waits for the first."""
OBSERVATION_COLUMNS: Final = ("id", "t", "received_at", "source", "kind", "seq", "h3", "recording", "body")
LETTER_COLUMNS: Final = ("id", "at", "door", "subject", "code", "message", "field", "source", "size", "payload")
EVENT_COLUMNS: Final = ("seq", "id", "type", "key", "op", "source", "at", "causes", "body")


class Store:
    """Idempotent: what comes a second time changes nothing, or is counted as a duplicate."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._days: set[date] = set()

    async def record(self, observations: Sequence[AnyObservation]) -> None:
        """Store observations and enter them into their sources' accounts."""
        try:
            await self._ensure_days(partitions.days_of(one.observed_at for one in observations))
            async with self._pool.acquire() as connection, connection.transaction():
                rows = map(_observation_row, observations)
                ids = await insert_ignoring_duplicates(
                    connection, "observations", OBSERVATION_COLUMNS, rows, returning="id"
                )
                entries = _entries(observations, Counter(map(str, ids)))
                await _update_accounts(connection, entries, accounts.enter, _received_at(observations))
        except asyncpg.PostgresError:
            self._days.clear()  # a partition may have been dropped: look again
            raise
        STORED.inc(len(ids))
        DUPLICATE.inc(len(observations) - len(ids))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters; those that are new are charged to their sources."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = [tuple(getattr(letter, name) for name in LETTER_COLUMNS) for letter in letters]
            new = await insert_ignoring_duplicates(connection, "dead_letters", LETTER_COLUMNS, rows, returning="id")
            fresh = {str(identifier) for identifier in new}
            charged: dict[str, list[DeadLetter]] = defaultdict(list)
            for letter in {letter.id: letter for letter in letters if letter.id in fresh}.values():
                charged[letter.source or accounts.UNKNOWN].append(letter)
            if charged:
                await _update_accounts(connection, charged, _refuse_all, max(letter.at for letter in letters))

    async def remember(self, changes: Sequence[Change]) -> None:
        """Store versions of objects of the world."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = map(_event_row, changes)
            await insert_ignoring_duplicates(connection, "world_events", EVENT_COLUMNS, rows, returning="seq")

    async def _ensure_days(self, days: set[date]) -> None:
        for day in sorted(days - self._days):
            await self._pool.execute(partitions.create_statement(day))
            self._days.add(day)


def storable(data: bytes) -> bytes:
    """JSON without the character U+0000, which PostgreSQL cannot hold: it becomes U+FFFD, the replacement."""
    return data.replace(b"\\u0000", b"\\ufffd")


async def _update_accounts(
    connection: asyncpg.Connection,
    items: dict[str, list[Any]],
    apply: Callable[[Ledger, list[Any]], Ledger],
    at: datetime,
) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", ACCOUNTS_LOCK)
    rows = await connection.fetch("SELECT id, account FROM sources WHERE id = ANY($1)", list(items))
    known = {row["id"]: msgspec.json.decode(row["account"], type=Ledger) for row in rows}
    ledgers = [apply(known.get(source) or Ledger(id=source), list(group)) for source, group in items.items()]
    await connection.executemany(
        "INSERT INTO sources (id, account, updated_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (id) DO UPDATE SET account = excluded.account, updated_at = excluded.updated_at",
        [(ledger.id, wire.encode(ledger).decode(), at) for ledger in ledgers],
    )


def _entries(observations: Iterable[AnyObservation], new: Counter[str]) -> dict[str, list[Entry]]:
    """By source; of several with one id in a batch, the first is the one that was stored."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    for observation in observations:
        identifier = str(observation.id)
        entries[observation.source].append(Entry(observation, new[identifier] > 0))
        new[identifier] -= 1
    return entries


def _refuse_all(ledger: Ledger, letters: list[DeadLetter]) -> Ledger:
    for letter in letters:
        ledger = accounts.refuse(ledger, letter)
    return ledger


def _received_at(observations: Iterable[AnyObservation]) -> datetime:
    return max(one.received_at or one.observed_at for one in observations)


def _observation_row(one: AnyObservation) -> tuple[Any, ...]:
    lat, lon = getattr(one, "lat", None), getattr(one, "lon", None)
    return (
        one.id,
        one.observed_at,
        one.received_at or one.observed_at,
        one.source,
        one.__struct_config__.tag,
        one.seq,
        None if lat is None or lon is None else geo.cell(lat, lon),
        one.recording,
        storable(wire.encode(one)).decode(),
    )


def _event_row(change: Change) -> tuple[Any, ...]:
    event = change.event
    body = None if event.op == "delete" else bytes(event.body).decode()
    return (change.seq, event.id, event.type, event.key, event.op, event.source, event.at, list(event.causes), body)
