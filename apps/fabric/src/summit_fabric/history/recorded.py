"""The past that was recorded here, read from PostgreSQL. Values reach SQL as parameters only."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from summit_core.model import WorldType
from summit_core.store import Pool

from summit_fabric.history.past import BEGINNING, Moment, Observed, Seen, sighted
from summit_fabric.history.version import ENTITY_LIVES, QUARTER, Version, from_row, order, quarter
from summit_fabric.sight import observed

LOOK_BACK: Final = timedelta(days=1)
MANY: Final = 2000
"""From so many entities on it is cheaper to look first at what was written just before the moment."""
NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)

_VERSION: Final = "stored_at, seq, key, id, source, at, reason, causes, organisation, body"
_BEFORE: Final = "e.stored_at <= $1 AND e.stored_at > $2 AND e.seq <= $3"
_ENTITIES: Final = f"""
WITH k AS MATERIALIZED (
    (SELECT key FROM entity_keys WHERE quarter = $4 AND key > $6 ORDER BY key LIMIT $7)
    UNION (SELECT key FROM entity_keys WHERE quarter = $5 AND key > $6 ORDER BY key LIMIT $7) ORDER BY key LIMIT $7
), recent AS MATERIALIZED (
    SELECT DISTINCT ON (key) key, stored_at, seq, body FROM (SELECT key, stored_at, seq, body
        FROM entity_events AS e WHERE {_BEFORE} ORDER BY stored_at DESC, seq DESC LIMIT $8
    ) AS r ORDER BY key, stored_at DESC, seq DESC
)
SELECT k.key, r.stored_at, r.seq, r.body FROM k JOIN recent AS r USING (key)
UNION ALL
SELECT k.key, v.stored_at, v.seq, v.body FROM k
LEFT JOIN LATERAL (SELECT stored_at, seq, body FROM entity_events AS e
    WHERE e.key = k.key AND {_BEFORE} ORDER BY e.stored_at DESC, e.seq DESC LIMIT 1) AS v ON true
WHERE NOT EXISTS (SELECT FROM recent AS r WHERE r.key = k.key)"""
"""The last version of each entity: found among the last things written, else by a probe of (key, stored_at)."""
_LASTING: Final = """
SELECT k.key, v.stored_at, v.seq, v.body
FROM (SELECT key FROM world_keys WHERE type = $1 AND key > $4 ORDER BY key LIMIT $5) AS k
LEFT JOIN LATERAL (SELECT stored_at, seq, body FROM world_events AS e
    WHERE e.type = $1 AND e.key = k.key AND e.stored_at <= $2 AND e.seq <= $3
    ORDER BY e.stored_at DESC, e.seq DESC LIMIT 1) AS v ON true ORDER BY k.key"""
_SPAN: Final = "stored_at >= $2 AND stored_at < $3 AND (stored_at, seq) > ($4, $5)"
_PASSING_VERSIONS: Final = (
    f"SELECT {_VERSION} FROM entity_events WHERE key = $1 AND {_SPAN} ORDER BY stored_at, seq LIMIT $6"
)
_LASTING_VERSIONS: Final = (
    f"SELECT {_VERSION} FROM world_events WHERE type = $7 AND key = $1 AND {_SPAN} ORDER BY stored_at, seq LIMIT $6"
)
_SAMPLED: Final = (
    f"SELECT v.* FROM generate_series($2::timestamptz, $3::timestamptz, $4::interval) AS s (at) CROSS JOIN LATERAL ("
    f"SELECT {_VERSION} FROM {{table}} AS e WHERE {{same}} AND e.stored_at >= s.at"
    " AND e.stored_at < s.at + $4::interval AND e.stored_at >= $2 AND e.stored_at < $3"
    " ORDER BY e.stored_at, e.seq LIMIT 1) AS v"
)
_PASSING_SAMPLED: Final = _SAMPLED.format(table="entity_events", same="e.key = $1")
_LASTING_SAMPLED: Final = _SAMPLED.format(table="world_events", same="e.type = $5 AND e.key = $1")


class Recorded:
    """Implements :class:`~summit_fabric.history.past.Past`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def latest(self, *, at: datetime | None = None, seq: int | None = None) -> Moment:
        if seq is None:
            moment = at or NEVER
            before = "stored_at <= $1 ORDER BY stored_at DESC, seq DESC"
            queries: tuple[tuple[str, tuple[Any, ...]], ...] = (
                (f"world_events WHERE {before}", (moment,)),
                (f"entity_events WHERE stored_at > $2 AND {before}", (moment, at - LOOK_BACK if at else BEGINNING)),
            )
        else:
            before = "WHERE seq <= $1 ORDER BY seq DESC"
            queries = ((f"world_events {before}", (seq,)), (f"entity_events {before}", (seq,)))
        found = [Moment(BEGINNING, 0)]
        for query, values in queries:
            row = await self._pool.fetchrow(f"SELECT stored_at, seq FROM {query} LIMIT 1", *values)
            if row is not None:
                found.append(Moment(row["stored_at"], row["seq"]))
        return max(found)

    async def objects(
        self, type_: WorldType, moment: Moment, *, after: str = "", chunk: int = 5000, left: bool = False
    ) -> AsyncGenerator[list[Seen], None]:
        if type_ != "entities":
            async for seen in self._lasting(type_, moment, after, chunk):
                shown = [one.sighted(type_) for one in seen]
                yield [one for one in shown if left or one.body is not None]
            return
        lasting = [one async for seen in self._lasting(type_, moment, after, chunk) for one in seen]
        async for passing, through in self._passing(moment, after, chunk):
            here = [one for one in lasting if through is None or one.key <= through]
            lasting = lasting[len(here) :]
            shown = [one.sighted(type_) for one in _later_of(passing, here)]
            yield [one for one in shown if left or one.body is not None]

    async def one(self, type_: WorldType, key: str, moment: Moment) -> Seen | None:
        lasting = await self._pool.fetchrow(
            "SELECT key, stored_at, seq, body FROM world_events WHERE type = $1 AND key = $2 AND stored_at <= $3"
            " AND seq <= $4 ORDER BY stored_at DESC, seq DESC LIMIT 1",
            *(type_, key, moment.at, moment.seq),
        )
        passing = None
        if type_ == "entities":
            passing = await self._pool.fetchrow(
                "SELECT key, stored_at, seq, body FROM entity_events WHERE key = $1 AND stored_at <= $2"
                " AND stored_at > $3 AND seq <= $4 ORDER BY stored_at DESC, seq DESC LIMIT 1",
                *(key, moment.at, moment.at - ENTITY_LIVES, moment.seq),
            )
        found = [Seen(*row.values()) for row in (lasting, passing) if row is not None]
        latest = max(found, key=_order, default=None)
        return None if latest is None else latest.sighted(type_)

    async def keys(self, type_: WorldType, since: datetime, until: datetime, *, after: str, limit: int) -> list[str]:
        lasting = "SELECT key FROM world_keys WHERE type = $1 AND key > $2"
        passing = "SELECT key FROM entity_keys WHERE quarter >= $4 AND quarter < $5 AND key > $2"
        every, values = lasting, [type_, after, limit]
        if type_ == "entities":
            every, values = f"{lasting} UNION {passing}", [*values, quarter(since), until]
        rows = await self._pool.fetch(f"SELECT key FROM ({every}) AS k ORDER BY key LIMIT $3", *values)
        return [row["key"] for row in rows]

    async def versions(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, after: Moment, limit: int
    ) -> list[Version]:
        values = (key, since, until, *after, limit)
        rows = list(await self._pool.fetch(_LASTING_VERSIONS, *values, type_))
        if type_ == "entities":
            rows += await self._pool.fetch(_PASSING_VERSIONS, *values)
            # an operator's entity leaves both tables, so its end is in both
            rows = list({(row["stored_at"], row["seq"]): row for row in rows}.values())
            rows.sort(key=lambda row: (row["stored_at"], row["seq"]))
        return [sighted(from_row(row, type_)) for row in rows[:limit]]

    async def sampled(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, every_s: float
    ) -> list[Version]:
        values = (key, since, until, timedelta(seconds=every_s))
        rows = list(await self._pool.fetch(_LASTING_SAMPLED, *values, type_))
        if type_ == "entities":
            rows += await self._pool.fetch(_PASSING_SAMPLED, *values)
        return sorted((sighted(from_row(row, type_)) for row in rows), key=order)

    async def observations(
        self, since: datetime, until: datetime, *, after: tuple[datetime, UUID], cells: list[int] | None, limit: int
    ) -> list[Observed]:
        inside, values = ("", []) if cells is None else (" AND h3 = ANY($6)", [cells])
        rows = await self._pool.fetch(
            "SELECT t, id, body::text AS body FROM observations WHERE t >= $1 AND t < $2 AND (t, id) > ($3, $4)"
            f"{inside} ORDER BY t, id LIMIT $5",
            *(since, until, *after, limit, *values),
        )
        return [Observed(row["t"], row["id"], row["body"].encode()) for row in rows]

    async def observations_of(self, ids: Sequence[str]) -> list[Observed]:
        """Those of these ids that are stored."""
        rows = await self._pool.fetch(
            "SELECT DISTINCT ON (id) t, id, body::text AS body FROM observations WHERE id = ANY($1) ORDER BY id, t", ids
        )
        return [Observed(row["t"], row["id"], row["body"].encode()) for row in rows if observed(row["body"])]

    async def accounts_of(self, sources: Sequence[str]) -> list[tuple[str, str]]:
        """Identifier and account, as JSON, of these sources."""
        rows = await self._pool.fetch(
            "SELECT id, account::text AS account FROM sources WHERE id = ANY($1) ORDER BY id", sources
        )
        return [(row["id"], row["account"]) for row in rows]

    async def _lasting(
        self, type_: WorldType, moment: Moment, after: str, chunk: int
    ) -> AsyncGenerator[list[Seen], None]:
        while True:
            rows = await self._pool.fetch(_LASTING, type_, moment.at, moment.seq, after, chunk)
            yield [Seen(*row.values()) for row in rows if row["seq"] is not None]
            if len(rows) < chunk:
                return
            after = rows[-1]["key"]

    async def _passing(
        self, moment: Moment, after: str, chunk: int
    ) -> AsyncIterator[tuple[Sequence[Seen], str | None]]:
        """Chunks, each with the key through which it goes; None with the last."""
        window = (moment.at, moment.at - ENTITY_LIVES, moment.seq, quarter(moment.at), quarter(moment.at) - QUARTER)
        recent = chunk + chunk // 4 if chunk >= MANY else 0
        while True:
            rows = await self._pool.fetch(_ENTITIES, *window, after, chunk, recent)
            every = sorted(map(Seen._make, rows), key=itemgetter(0))
            seen = [one for one in every if one.seq is not None]
            if len(every) < chunk:
                yield seen, None
                return
            after = every[-1].key
            yield seen, after


def _later_of(passing: Sequence[Seen], lasting: Sequence[Seen]) -> list[Seen]:
    """One of each key, the later one, in the order of keys."""
    if not lasting:
        return list(passing)
    latest = {one.key: one for one in passing}
    for one in lasting:
        known = latest.get(one.key)
        if known is None or _order(known) < _order(one):
            latest[one.key] = one
    return [latest[key] for key in sorted(latest)]


def _order(one: Seen) -> tuple[datetime, int]:
    return one.stored_at, one.seq
