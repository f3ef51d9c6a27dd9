"""What fabric reads from PostgreSQL: pages by keyset, newest first, and the facts that lineage asks for."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from summit_core.errors import InputError
from summit_core.model import WorldType
from summit_core.security.acting import acting
from summit_core.store import Pool

from summit_fabric import sight
from summit_fabric.accounts import Ledger
from summit_fabric.books import decode
from summit_fabric.history.area import Area

LOOKED_AT_ONCE: Final = 2000
LOOKS: Final = 10
"""Times ``LOOKED_AT_ONCE`` are looked at for one page of an area, which may have too many cells to be looked up by."""


class ObservationFilter(Struct, frozen=True, kw_only=True):
    """``cells`` are the first and the last H3 cell of a range, both included."""

    source: str | None = None
    kind: str | None = None
    recording: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    area: Area | None = None
    cells: tuple[int, int] | None = None


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
        """A page of observations as JSON, and where the next one starts.

        The page of an area may be short, and still be followed by another: so many were looked at, and lay outside.
        """
        found: list[_Found] = []
        narrow = wanted.area is not None or bool(acting().areas)
        for _ in range(LOOKS if narrow else 1):
            number = LOOKED_AT_ONCE if narrow else limit + 1
            rows = await self._observations(wanted, number, after)
            after = rows[-1].cursor if rows else None
            found += [row for row in rows if row.lies_in(wanted.area)] if narrow else rows
            if len(found) > limit:
                return [row.body for row in found[:limit]], found[limit - 1].cursor
            if len(rows) < number:
                return [row.body for row in found], None
        return [row.body for row in found], after

    async def _observations(self, wanted: ObservationFilter, number: int, after: Cursor | None) -> "list[_Found]":
        condition, values = where(_observation_tests(wanted), after, time="t")
        rows = await self._pool.fetch(
            f"SELECT t, id, body FROM observations {condition} ORDER BY t DESC, id DESC LIMIT {number}", *values
        )
        return [_Found(Cursor(row["t"], UUID(str(row["id"]))), row["body"].encode()) for row in rows]

    async def observation(self, identifier: str) -> bytes | None:
        body = await self._pool.fetchval(
            "SELECT body FROM observations WHERE id = $1 ORDER BY t DESC LIMIT 1", identifier
        )
        return None if body is None or not sight.observed(str(body)) else str(body).encode()

    async def count(self, wanted: ObservationFilter) -> int:
        condition, values = where(_observation_tests(wanted), None, time="t")
        if inside := sight.in_areas():
            condition = f"{condition} AND {inside}" if condition else f"WHERE {inside}"
        return int(await self._pool.fetchval(f"SELECT count(*) FROM observations {condition}", *values))

    async def ledgers(self, *, limit: int, after: str) -> list[Ledger]:
        rows = await self._pool.fetch(
            'SELECT account FROM sources WHERE id COLLATE "C" > $1 ORDER BY id COLLATE "C" LIMIT $2', after, limit
        )
        return [decode(row["account"]) for row in rows]

    async def ledger(self, source: str) -> Ledger | None:
        account = await self._pool.fetchval("SELECT account FROM sources WHERE id = $1", source)
        return None if account is None else decode(account)

    async def observations_by_id(self, ids: Sequence[str]) -> list[StoredObservation]:
        rows = await self._pool.fetch(
            "SELECT id, t, source, kind, body, body::jsonb->'causes' AS causes FROM observations WHERE id = ANY($1)",
            list(ids),
        )
        return [
            StoredObservation(
                str(r["id"]), r["t"], r["source"], r["kind"], tuple(msgspec.json.decode(r["causes"] or "[]"))
            )
            for r in rows
            if sight.observed(r["body"])
        ]


class _Found(NamedTuple):
    cursor: Cursor
    body: bytes

    def lies_in(self, area: Area | None) -> bool:
        if area is None or not sight.observed(self.body):
            return sight.observed(self.body)
        place = _place(self.body)
        return place.lat is not None and place.lon is not None and area.holds(place.lat, place.lon)


class _Place(Struct):
    lat: float | None = None
    lon: float | None = None


_place = msgspec.json.Decoder(_Place).decode


def _observation_tests(wanted: ObservationFilter) -> dict[str, Any]:
    first, last = wanted.cells or (None, None)
    return {
        "source = ${}": wanted.source,
        "kind = ${}": wanted.kind,
        "recording = ${}": wanted.recording,
        "t >= ${}": wanted.since,
        "t < ${}": wanted.until,
        "h3 = ANY(${})": wanted.area.cells() if wanted.area else None,
        "h3 >= ${}": first,
        "h3 <= ${}": last,
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
