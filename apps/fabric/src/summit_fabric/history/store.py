"""Writes the past: versions in idempotent batches, partitions ahead of need, and what is past retention goes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
from summit_core.store import Pool, insert_quietly

from summit_fabric.history import partitions
from summit_fabric.history.version import COLUMNS, ENTITY_LIVES, Version, lasts, quarter, row

COPIED_AFTER: Final = timedelta(seconds=2)
"""The stream is kept small by storing old events again, under a new sequence. What is so much older than its place in
the stream may be such a copy."""
KNOWN_AT_MOST: Final = 200_000


class HistoryStore:
    """Idempotent: a version that comes a second time changes nothing, nor does a copy of the last one of its object."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._days: set[date] = set()
        self._known: set[tuple[Any, ...]] = set()
        """Keys that are in the tables of keys already."""

    async def remember(self, versions: Sequence[Version]) -> None:
        """Store versions, in the order of the stream."""
        passing = [one for one in versions if one.type == "entities" and (one.body is None or not lasts(one))]
        lasting = [one for one in versions if one.type != "entities" or one.body is None or lasts(one)]
        try:
            await self._ensure_days({one.stored_at.astimezone(UTC).date() for one in passing})
            async with self._pool.acquire() as connection, connection.transaction():
                known = await _insert_passing(connection, passing, self._known)
                known |= await _insert_lasting(connection, lasting, self._known)
        except asyncpg.PostgresError:
            self._days.clear()  # a partition may have been dropped: look again
            self._known.clear()
            raise
        if len(self._known) > KNOWN_AT_MOST:
            self._known.clear()
        self._known |= known

    async def keep_up(self, now: datetime, days: int) -> list[str]:
        """Make the partitions of the next days and drop those past retention; returns what was dropped."""
        await self._ensure_days(set(partitions.ahead(now.astimezone(UTC).date())))
        first = partitions.first_kept(now.astimezone(UTC), days)
        rows = await self._pool.fetch(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = $1::text::regclass",
            partitions.PARENT,
        )
        gone = partitions.past((row["relname"] for row in rows), first)
        for name in gone:
            await self._pool.execute(f"DROP TABLE IF EXISTS {name}")
        if gone:
            before = datetime.combine(first, datetime.min.time(), UTC)
            await self._pool.execute("DELETE FROM entity_keys WHERE quarter < $1", before)
            self._days.clear()
        return gone

    async def _ensure_days(self, days: set[date]) -> None:
        for day in sorted(days - self._days):
            await self._pool.execute(partitions.create_statement(day))
            self._days.add(day)


async def _insert_passing(
    connection: asyncpg.Connection, versions: list[Version], known: set[tuple[Any, ...]]
) -> set[tuple[Any, ...]]:
    if not versions:
        return set()
    new = await _without_copies(connection, versions, _LAST_PASSING, min(one.stored_at for one in versions))
    await insert_quietly(connection, "entity_events", COLUMNS, list(map(row, new)))
    keys = {(quarter(one.stored_at), one.key): one.organisation for one in new}
    await _insert_keys(connection, "entity_keys", keys, known)
    return set(keys)


async def _insert_lasting(
    connection: asyncpg.Connection, versions: list[Version], known: set[tuple[Any, ...]]
) -> set[tuple[Any, ...]]:
    versions = await _without_strangers(connection, versions, known)
    if not versions:
        return set()
    new = await _without_copies(connection, versions, _LAST_LASTING, None)
    await insert_quietly(connection, "world_events", ("type", *COLUMNS), [(one.type, *row(one)) for one in new])
    keys = {(one.type, one.key): one.organisation for one in new}
    await _insert_keys(connection, "world_keys", keys, known)
    return set(keys)


async def _insert_keys(
    connection: asyncpg.Connection,
    table: str,
    keys: Mapping[tuple[Any, ...], str | None],
    known: set[tuple[Any, ...]],
) -> None:
    rows = [(*key, organisation) for key, organisation in sorted(keys.items()) if key not in known]
    await connection.executemany(f"INSERT INTO {table} VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows)


async def _without_strangers(
    connection: asyncpg.Connection, versions: list[Version], known: set[tuple[Any, ...]]
) -> list[Version]:
    """Without the ends of entities that have no lasting version: those are passing ones only."""
    left = [one.key for one in versions if one.type == "entities" and one.body is None]
    if not left:
        return versions
    rows = await connection.fetch("SELECT key FROM world_keys WHERE type = 'entities' AND key = ANY($1)", left)
    lasting = {row["key"] for row in rows} | {
        one.key for one in versions if one.type == "entities" and one.body is not None
    }
    return [one for one in versions if one.type != "entities" or one.key in lasting]


_SUSPECTS: Final = """SELECT s.seq, last.stored_at FROM unnest(
        $1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::uuid[]
    ) AS s (type, key, stored_at, seq, id) JOIN LATERAL (SELECT id, stored_at FROM {table} AS e
        WHERE {same} AND (e.stored_at, e.seq) < (s.stored_at, s.seq)
        ORDER BY e.stored_at DESC, e.seq DESC LIMIT 1) AS last ON last.id = s.id"""
_PASSING: Final = "e.key = s.key AND e.stored_at > $6 AND e.stored_at > s.stored_at - $7::interval"
_LAST_PASSING: Final = _SUSPECTS.format(table="entity_events", same=_PASSING)
_LAST_LASTING: Final = _SUSPECTS.format(table="world_events", same="e.type = s.type AND e.key = s.key")


async def _without_copies(
    connection: asyncpg.Connection, versions: list[Version], query: str, first: datetime | None
) -> list[Version]:
    """Without those that say again what was said last of their object: a copy is not a new version."""
    suspects = [one for one in versions if one.stored_at - one.at > COPIED_AFTER]
    if not suspects:
        return versions
    columns: dict[str, list[Any]] = defaultdict(list)
    for one in suspects:
        for name in ("type", "key", "stored_at", "seq", "id"):
            columns[name].append(getattr(one, name))
    since = () if first is None else (first - ENTITY_LIVES, ENTITY_LIVES)
    stored = dict(await connection.fetch(query, *columns.values(), *since))
    last: dict[tuple[str, str], tuple[str, datetime]] = {}
    return [one for one in versions if not _repeats(one, last, stored)]


def _repeats(version: Version, last: dict[tuple[str, str], tuple[str, datetime]], stored: dict[int, datetime]) -> bool:
    """Whether it is a copy of the last one of its object: in this batch, or else ``stored`` at that time."""
    name = (version.type, version.key)
    if name not in last and version.seq in stored:
        last[name] = (version.id, stored[version.seq])
    identifier, stored_at = last.get(name, ("", version.stored_at))
    if identifier == version.id and (lasts(version) or version.stored_at - stored_at < ENTITY_LIVES):
        return True
    last[name] = (version.id, version.stored_at)
    return False
