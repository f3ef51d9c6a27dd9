"""Tables ``audit_log`` and ``audit_heads``: rows are added and read."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from summit_core.audit.chain import GENESIS, Link, link
from summit_core.audit.head import Head, SignedHead, read_head
from summit_core.audit.record import AuditRecord
from summit_core.store import Pool

LOCK: Final = 7_305_120
PAGE: Final = 1000
COLUMNS: Final = (
    *("organisation", "seq", "id", "at", "outcome", "principal", "name", "action", "object_type", "object"),
    *("intent", "hash", "line"),
)
_TAKE_ROLE: Final = (
    "SELECT set_config('role', 'summit_audit', true) FROM pg_roles"
    " WHERE rolname = 'summit_audit' AND pg_has_role(oid, 'MEMBER')"
)
_LAST: Final = (
    "SELECT organisation, seq, hash FROM unnest($1::text[]) AS organisation CROSS JOIN LATERAL"
    " (SELECT seq, hash FROM audit_log AS l WHERE l.organisation = organisation.organisation ORDER BY seq DESC LIMIT 1)"
    " AS last"
)
"""One step down the index for each: DISTINCT ON would read every record of the chain, at every batch."""
_UNANSWERED: Final = "(outcome <> 'intended' OR NOT EXISTS (SELECT FROM audit_log AS o WHERE o.intent = l.id))"
"""An intention whose outcome is known is not shown beside it."""


def _each(table: str) -> str:
    """The organisations of a table, each found by a step down its key, however many rows it has."""
    least = f"SELECT min(organisation) FROM {table}"
    return (
        f"(WITH RECURSIVE each AS (({least}) UNION ALL SELECT ({least} WHERE organisation > min) FROM each"
        " WHERE min IS NOT NULL) SELECT min AS organisation FROM each WHERE min IS NOT NULL)"
    )


_ORGANISATIONS: Final = f"{_each('audit_log')} UNION {_each('audit_heads')} ORDER BY 1"


class AuditFilter(Struct, frozen=True, kw_only=True):
    """``action`` is a part of it, ``principal`` an id or a name. With the outcome ``intended`` stand those of which
    nobody knows what came of them."""

    since: datetime | None = None
    until: datetime | None = None
    principal: str | None = None
    action: str | None = None
    objects: Sequence[str] | None = None
    outcome: str | None = None


class AuditStore:
    """Idempotent: a record that comes again is not chained again."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, records: Sequence[AuditRecord]) -> int:
        """Chain the records in this order, all or none; returns how many were new."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(_TAKE_ROLE)
            ids = [one.id for one in records]
            known = {row["id"] for row in await connection.fetch("SELECT id FROM audit_log WHERE id = ANY($1)", ids)}
            new = list({one.id: one for one in reversed(records) if one.id not in known}.values())[::-1]
            found = await connection.fetch(_LAST, list({one.organisation for one in new}))
            last = {row["organisation"]: (row["seq"], row["hash"]) for row in found}
            rows = []
            for one in new:
                seq, prev = last.get(one.organisation) or await self._cut(connection, one.organisation)
                placed = link(one.content(), seq + 1, prev)
                last[one.organisation] = (placed.seq, placed.hash)
                rows.append(_row(one, placed))
            await connection.copy_records_to_table("audit_log", columns=COLUMNS, records=rows)
        return len(rows)

    async def _cut(self, connection: Any, organisation: str) -> tuple[int, str]:
        """Where a chain goes on of which retention has taken everything, or 0."""
        row = await connection.fetchrow(
            "SELECT seq, hash FROM audit_heads WHERE organisation = $1 ORDER BY seq DESC, first DESC LIMIT 1",
            organisation,
        )
        return (row["seq"], row["hash"]) if row else (0, GENESIS)

    async def organisations(self) -> list[str]:
        rows = await self._pool.fetch(_ORGANISATIONS)
        return [row["organisation"] for row in rows]

    async def last(self, organisation: str) -> tuple[int, str]:
        """Sequence and hash of the last record; 0 where there is none."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_LAST, [organisation])
            return (row["seq"], row["hash"]) if row else await self._cut(connection, organisation)

    async def hash_at(self, organisation: str, seq: int) -> str | None:
        statement = "SELECT hash FROM audit_log WHERE organisation = $1 AND seq = $2"
        found: str | None = await self._pool.fetchval(statement, organisation, seq)
        return found

    async def head(self, organisation: str) -> SignedHead | None:
        """The last one that was kept."""
        line = await self._pool.fetchval(
            "SELECT line FROM audit_heads WHERE organisation = $1 ORDER BY seq DESC, first DESC LIMIT 1", organisation
        )
        return read_head(line.encode()) if line else None

    async def keep_head(self, signed: SignedHead) -> None:
        async with self._pool.acquire() as connection:
            await _insert_head(connection, signed)

    async def lines(self, organisation: str, after: int, through: int) -> AsyncIterator[list[bytes]]:
        """The records behind ``after``, up to ``through``, a page at a time."""
        while after < through:
            rows = await self._pool.fetch(
                "SELECT seq, line FROM audit_log WHERE organisation = $1 AND seq > $2 AND seq <= $3"
                f" ORDER BY seq LIMIT {PAGE}",
                *(organisation, after, through),
            )
            if not rows:
                return
            after = rows[-1]["seq"]
            yield [row["line"].encode() for row in rows]

    async def page(
        self, organisation: str, wanted: AuditFilter, *, limit: int, before: int | None
    ) -> tuple[list[bytes], int | None]:
        """Newest first, and before which sequence the next page is."""
        tests = {
            "seq < ${0}": before,
            "at >= ${0}": wanted.since,
            "at < ${0}": wanted.until,
            "(principal = ${0} OR name = ${0})": wanted.principal,
            "position(${0} in action) > 0": wanted.action,
            "object = ANY(${0})": None if wanted.objects is None else list(wanted.objects),
            "outcome = ${0}": wanted.outcome,
        }
        given = {test: value for test, value in tests.items() if value is not None}
        parts = [test.format(number) for number, test in enumerate(given, 2)]
        where = " AND ".join(["organisation = $1", _UNANSWERED, *parts])
        rows = await self._pool.fetch(
            f"SELECT seq, line FROM audit_log AS l WHERE {where} ORDER BY seq DESC LIMIT {limit + 1}",
            *(organisation, *given.values()),
        )
        more = rows[limit - 1]["seq"] if len(rows) > limit else None
        return [row["line"].encode() for row in rows[:limit]], more

    async def cut(self, signed: SignedHead) -> int:
        """Take away what stands before the head's ``first``, and keep the head that says so; returns how many went."""
        head = signed.head
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('summit.audit_retention', 'on', true)")
            done = await connection.execute(
                "DELETE FROM audit_log WHERE organisation = $1 AND seq < $2", head.organisation, head.first
            )
            await _insert_head(connection, signed)
        return int(done.split()[-1])

    async def last_before(self, organisation: str, at: datetime) -> tuple[int, str] | None:
        """The last record that was stored with all before it older than ``at``."""
        row = await self._pool.fetchrow(
            "SELECT seq, hash FROM audit_log WHERE organisation = $1 AND seq < coalesce((SELECT min(seq) FROM audit_log"
            " WHERE organisation = $1 AND at >= $2), 9223372036854775807) ORDER BY seq DESC LIMIT 1",
            *(organisation, at),
        )
        return (row["seq"], row["hash"]) if row else None


async def _insert_head(connection: Any, signed: SignedHead) -> None:
    head = signed.head
    await connection.execute(
        "INSERT INTO audit_heads (organisation, seq, first, hash, line) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        *(head.organisation, head.seq, head.first, head.hash, signed.line.decode()),
    )


def unsigned(organisation: str, last: tuple[int, str], before: Head | None, at: datetime) -> Head:
    """The head that the chain has now; it begins where the one before says."""
    first, prev = (1, GENESIS) if before is None else (before.first, before.prev)
    return Head(organisation=organisation, at=at, first=first, prev=prev, seq=last[0], hash=last[1])


def _row(record: AuditRecord, placed: Link) -> tuple[Any, ...]:
    who = record.principal
    return (
        *(record.organisation, placed.seq, record.id, record.at, record.outcome),
        *((who.id, who.name) if who else (None, None)),
        *(record.action, record.object_type, record.object, record.intent, placed.hash, placed.line.decode()),
    )


def read_line(line: bytes) -> AuditRecord:
    return msgspec.json.decode(line, type=AuditRecord)
