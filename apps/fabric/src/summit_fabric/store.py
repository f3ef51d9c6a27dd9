"""What fabric writes to PostgreSQL: each batch in one transaction with the accounts that it changes."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from summit_core.bus import Delivery
from summit_core.errors import UnavailableError
from summit_core.model import AnyObservation, DeadLetter
from summit_core.observability.metrics import DUPLICATE, STORED
from summit_core.store import Pool, insert_ignoring_duplicates, insert_new

from summit_fabric import accounts, rows
from summit_fabric.books import Books, Entered
from summit_fabric.decoded import Batch
from summit_fabric.partitions import Partitions

LETTER_COLUMNS: Final = (
    "id",
    "at",
    "door",
    "subject",
    "code",
    "message",
    "field",
    "source",
    "size",
    "payload",
    "organisation",
)
CAREFUL_BATCHES: Final = 20
"""After a duplicate more of them are likely: so many batches go the way that expects them."""


class Store:
    """Idempotent: what comes a second time changes nothing, or is counted as a duplicate."""

    def __init__(self, pool: Pool, partitions: Partitions, books: Books) -> None:
        self._pool = pool
        self._partitions = partitions
        self._books = books
        self._careful = 0
        self._copying = asyncio.Lock()
        self._failures = 0

    async def record(self, batches: Sequence[tuple[Delivery, Batch]]) -> None:
        """Store observations, and enter them into their sources' accounts: each message exactly once, also when it
        comes again because we died before we acknowledged it.

        While one batch is entered and committed the next is copied. Both go in the order of the stream: who copies
        may have to wait until a key of the one before him is committed, never the other way round. When one fails,
        those that were begun behind it fail too, so that all of them come again and are entered in order.
        """
        failures, done = self._failures, False
        try:
            await self._record(batches, failures)
            done = True
        finally:
            self._failures += not done

    async def _record(self, batches: Sequence[tuple[Delivery, Batch]], failures: int) -> None:
        parts = [batch for _, batch in batches]
        copied = rows.copied(parts)
        async with AsyncExitStack() as entering, AsyncExitStack() as copying:
            await copying.enter_async_context(self._copying)
            await self._partitions.make_for(one.observed_at for batch in parts for one in batch.observations)
            async with self._pool.acquire() as connection, connection.transaction():
                self._careful = max(0, self._careful - 1)
                before = await insert_new(
                    *(connection, "observations", rows.COLUMNS, copied, lambda: list(rows.values(parts))),
                    key=("t", "id"),
                    careful=self._careful > 0,
                )
                await entering.enter_async_context(self._books.turn)
                await copying.aclose()  # not sooner: nobody behind us may overtake
                if self._failures != failures:
                    raise UnavailableError("the batch before this one failed; both come again")
                entered = await self._books.open(connection)
                entries = entries_of(batches, before, entered)
                ledgers = await self._books.read(connection, entries)
                changed = [accounts.enter(ledgers[source], *entry) for source, entry in entries.items()]
                last = batches[-1][0]
                await self._books.write(connection, changed, last.timestamp, Entered(last.seq, last.timestamp))
            self._books.settle(changed)
        if before is not None:
            self._careful = CAREFUL_BATCHES
        stored = sum(one.stored - ledgers[one.id].stored for one in changed)
        STORED.inc(stored)
        DUPLICATE.inc(sum(one.received - ledgers[one.id].received for one in changed) - stored)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters; those that are new are charged to their sources."""
        async with self._books.turn:
            async with self._pool.acquire() as connection, connection.transaction():
                found = [tuple(getattr(letter, name) for name in LETTER_COLUMNS) for letter in letters]
                new = await insert_ignoring_duplicates(
                    connection, "dead_letters", LETTER_COLUMNS, found, returning="id"
                )
                fresh = {str(identifier) for identifier in new}
                # The account of what names no source is the default organisation's: nobody else's is charged to it.
                charged = [
                    letter
                    for letter in {one.id: one for one in letters}.values()
                    if letter.id in fresh and (letter.source is not None or letter.organisation is None)
                ]
                await self._books.open(connection)
                ledgers = await self._books.read(connection, {letter.source or accounts.UNKNOWN for letter in charged})
                for letter in charged:
                    source = letter.source or accounts.UNKNOWN
                    ledgers[source] = accounts.refuse(ledgers[source], letter)
                await self._books.write(connection, ledgers.values(), max(letter.at for letter in letters))
            self._books.settle(ledgers.values())


def entries_of(
    batches: Sequence[tuple[Delivery, Batch]], before: set[tuple[Any, ...]] | None, entered: Entered | None
) -> dict[str, tuple[list[AnyObservation], list[bool] | None]]:
    """By source: the observations, and of each whether it was stored now (None: all of them).

    Of several with one key, the first was stored. A message that is entered already counts only with what of it is,
    against all expectation, not stored yet.
    """
    first = batches[0][0]
    again = entered is not None and entered.covers(first.seq, first.timestamp)
    groups: dict[str, tuple[list[AnyObservation], list[bool] | None]] = {}
    if before is None and not again:
        for _, batch in batches:
            for one in batch.observations:
                group = groups.get(one.source)
                if group is None:
                    group = groups[one.source] = ([], None)
                group[0].append(one)
        return groups
    stored = {(at, str(identifier)) for at, identifier in before or ()}
    for delivery, batch in batches:
        again = entered is not None and entered.covers(delivery.seq, delivery.timestamp)
        for one in batch.observations:
            key = (one.observed_at, str(one.id))
            if again and key in stored:
                continue
            observations, new = groups.setdefault(one.source, ([], []))
            observations.append(one)
            if new is not None:
                new.append(key not in stored)
            stored.add(key)
    return groups
