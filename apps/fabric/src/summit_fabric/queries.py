"""What fabric reads from PostgreSQL: pages by keyset, newest first, and the facts that lineage asks for."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from summit_core.errors import InputError
from summit_core.model import WorldType
from summit_core.store import Pool

from summit_fabric.accounts import Ledger

EVENT_ID_WINDOW: Final = timedelta(hours=1)


class ObservationFilter(Struct, frozen=True, kw_only=True):
    source: str | None = None
    kind: str | None = None
    recording: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Cursor(Struct, frozen=True, array_like=True):
    """Where the next page starts: behind this time and id."""

    at: datetime
    id: UUID

    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            cursor = msgspec.json.decode(data, type=cls)
            cursor.at.timestamp()
        except (binascii.Error, ValueError, OverflowError, RecursionError):
            raise InputError("cursor: not one of ours; pass back `next` as it came", field="cursor") from None
        return cursor


class StoredObservation(Struct, frozen=True):
    id: str
    at: datetime
    source: str
    kind: str
    causes: tuple[str, ...]


class StoredObject(Struct, frozen=True):
    """An object of the world over all its versions: first seen ``at``, its latest ``body``, every cause."""

    type: WorldType
    key: str
    at: datetime
    body: bytes | None
    causes: tuple[str, ...]


class Queries:
    """Values reach SQL as parameters only."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def observations(
        self, wanted: ObservationFilter, *, limit: int, after: Cursor | None
    ) -> tuple[list[bytes], Cursor | None]:
        """A page of observations as JSON, and where the next one starts."""
        condition, values = where(_observation_tests(wanted), after, time="t")
        rows = await self._pool.fetch(
            f"SELECT t, id, body::text AS body FROM observations {condition}"
            f" ORDER BY t DESC, id DESC LIMIT {limit + 1}",
            *values,
        )
        more = Cursor(rows[limit - 1]["t"], UUID(str(rows[limit - 1]["id"]))) if len(rows) > limit else None
        return [row["body"].encode() for row in rows[:limit]], more

    async def observation(self, identifier: str) -> bytes | None:
        body = await self._pool.fetchval(
            "SELECT body::text FROM observations WHERE id = $1 ORDER BY t DESC LIMIT 1", identifier
        )
        return None if body is None else str(body).encode()

    async def count(self, wanted: ObservationFilter) -> int:
        condition, values = where(_observation_tests(wanted), None, time="t")
        return int(await self._pool.fetchval(f"SELECT count(*) FROM observations {condition}", *values))

    async def ledgers(self, *, limit: int, after: str) -> list[Ledger]:
        rows = await self._pool.fetch(
            'SELECT account FROM sources WHERE id COLLATE "C" > $1 ORDER BY id COLLATE "C" LIMIT $2', after, limit
        )
        return [msgspec.json.decode(row["account"], type=Ledger) for row in rows]

    async def ledger(self, source: str) -> Ledger | None:
        account = await self._pool.fetchval("SELECT account FROM sources WHERE id = $1", source)
        return None if account is None else msgspec.json.decode(account, type=Ledger)

    async def observations_by_id(self, ids: Sequence[str]) -> list[StoredObservation]:
        rows = await self._pool.fetch(
            "SELECT id, t, source, kind, body->'causes' AS causes FROM observations WHERE id = ANY($1)", list(ids)
        )
        return [
            StoredObservation(
                str(r["id"]), r["t"], r["source"], r["kind"], tuple(msgspec.json.decode(r["causes"] or "[]"))
            )
            for r in rows
        ]

    async def objects_by_key(self, keys: Sequence[str]) -> list[StoredObject]:
        """Causes of every version, the oldest first: later versions must not hide what the first rested on."""
        rows = await self._pool.fetch(
            """SELECT latest.type, latest.key, latest.body::text AS body, history.at, history.causes
            FROM (SELECT DISTINCT ON (type, key) type, key, body FROM world_events
                  WHERE key = ANY($1) AND op = 'upsert' ORDER BY type, key, seq DESC) AS latest
            JOIN LATERAL (
                SELECT min(at) AS at, coalesce(array_agg(cause ORDER BY first) FILTER (WHERE cause IS NOT NULL), '{}')
                    AS causes
                FROM (SELECT cause, min(e.seq) AS first, min(e.at) AS at FROM world_events AS e
                      LEFT JOIN LATERAL unnest(e.causes) AS cause ON true
                      WHERE e.key = latest.key AND e.type = latest.type GROUP BY cause) AS by_cause
            ) AS history ON true""",
            list(keys),
        )
        return [
            StoredObject(r["type"], r["key"], r["at"], (r["body"] or "null").encode(), tuple(r["causes"])) for r in rows
        ]

    async def key_of_event(self, identifier: str, at: datetime) -> str | None:
        """The object that a world event was about; ``at`` is the time in the event's id, near which it was written."""
        key = await self._pool.fetchval(
            "SELECT key FROM world_events WHERE at BETWEEN $1 AND $2 AND id = $3",
            *(at - EVENT_ID_WINDOW, at + EVENT_ID_WINDOW, identifier),
        )
        return None if key is None else str(key)


def _observation_tests(wanted: ObservationFilter) -> dict[str, Any]:
    return {
        "source = ${}": wanted.source,
        "kind = ${}": wanted.kind,
        "recording = ${}": wanted.recording,
        "t >= ${}": wanted.since,
        "t < ${}": wanted.until,
    }


def where(tests: dict[str, Any], after: Cursor | None, *, time: str) -> tuple[str, list[Any]]:
    """The WHERE clause and its values: each test whose value is given, and what lies behind the cursor."""
    present = [(test, value) for test, value in tests.items() if value is not None]
    parts = [test.format(number) for number, (test, _) in enumerate(present, start=1)]
    values = [value for _, value in present]
    if after is not None:
        parts.append(f"({time}, id) < (${len(values) + 1}, ${len(values) + 2})")
        values += [after.at, after.id]
    return ("WHERE " + " AND ".join(parts) if parts else ""), values
