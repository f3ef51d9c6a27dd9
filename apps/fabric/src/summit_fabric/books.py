"""The ledgers of the sources: kept in memory by the one process that writes them, and in the database with each batch.

The row ``books`` counts the changes. When somebody else has written, as two fabrics do for a moment during an update,
what is in memory is thrown away and read again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg
import msgspec
from summit_core import wire
from summit_core.store import Pool

from summit_fabric.accounts import Ledger

LEDGERS_KEPT: Final = 20_000


class Entered(NamedTuple):
    """Sequence and time of the last message of the stream that is entered in the books."""

    seq: int
    at: datetime

    def covers(self, seq: int, at: datetime) -> bool:
        """Whether a message was entered. A stream that began anew counts from 1 again, but at a later time."""
        return seq <= self.seq and at <= self.at


decode = msgspec.json.Decoder(Ledger).decode


class Books:
    """Use within ``turn`` and a transaction: :meth:`open`, :meth:`read`, :meth:`write`; and after the commit, still in
    turn, :meth:`settle`, so that memory never runs ahead of the database."""

    def __init__(self, stated: Callable[[str], float | None] = lambda _: None) -> None:
        self.stated = stated
        """The interval that a source was registered with, seconds."""
        self.turn = asyncio.Lock()
        self._ledgers: dict[str, Ledger] = {}
        self._version: int | None = None
        self.loaded = False

    def interval_of(self, source: str) -> float | None:
        """How often a source speaks, seconds: as stated, else as learned."""
        ledger = self._ledgers.get(source)
        return self.stated(source) or (ledger.learned_interval_s if ledger else None)

    def ledgers(self) -> list[Ledger]:
        """Those that were heard last, at most ``LEDGERS_KEPT``."""
        return list(self._ledgers.values())

    async def load(self, pool: Pool) -> None:
        """Take up the books where the last process left them."""
        if self.loaded:
            return
        async with self.turn, pool.acquire() as connection, connection.transaction():
            await self.open(connection)
            rows = await connection.fetch(f"SELECT account FROM sources ORDER BY updated_at DESC LIMIT {LEDGERS_KEPT}")
            self._ledgers = {ledger.id: ledger for ledger in (decode(row["account"]) for row in reversed(rows))}
            self.loaded = True

    async def open(self, connection: asyncpg.Connection) -> Entered:
        """Lock the books; returns sequence and time of the last message that is entered."""
        row = await connection.fetchrow("SELECT version, seq, at FROM books FOR UPDATE")
        if row["version"] != self._version:
            self._ledgers.clear()
            self.loaded = False
            self._version = row["version"]
        return Entered(row["seq"], row["at"])

    async def read(self, connection: asyncpg.Connection, sources: Collection[str]) -> dict[str, Ledger]:
        """The ledgers of these sources; one that was never heard of gets an empty one."""
        unknown = [source for source in sources if source not in self._ledgers]
        if unknown:
            rows = await connection.fetch("SELECT account FROM sources WHERE id = ANY($1)", unknown)
            found = {ledger.id: ledger for ledger in (decode(row["account"]) for row in rows)}
            self._ledgers |= {source: found.get(source) or Ledger(id=source) for source in unknown}
        return {source: self._ledgers[source] for source in sources}

    async def write(
        self, connection: asyncpg.Connection, ledgers: Collection[Ledger], at: datetime, entered: Entered | None = None
    ) -> None:
        """Write changed ledgers, and how far the stream is entered in them."""
        await connection.execute(
            "INSERT INTO sources (id, account, organisation, updated_at) SELECT id, account, organisation, $3"
            " FROM unnest($1::text[], $2::text[], $4::text[]) AS changed(id, account, organisation)"
            " ON CONFLICT (id) DO UPDATE SET account = excluded.account, organisation = excluded.organisation,"
            " updated_at = excluded.updated_at",
            [ledger.id for ledger in ledgers],
            [wire.encode(ledger).decode() for ledger in ledgers],
            at,
            [ledger.organisation for ledger in ledgers],
        )
        seq, stored_at = entered or (None, None)
        await connection.execute(
            "UPDATE books SET version = version + 1, seq = coalesce($1, seq), at = coalesce($2, at)", seq, stored_at
        )

    def settle(self, ledgers: Iterable[Ledger]) -> None:
        """Committed: from now on these are the ledgers."""
        if self._version is not None:
            self._version += 1
        for ledger in ledgers:
            self._ledgers.pop(ledger.id, None)  # the one heard last stands last
            self._ledgers[ledger.id] = ledger
        while len(self._ledgers) > LEDGERS_KEPT:
            del self._ledgers[next(iter(self._ledgers))]
