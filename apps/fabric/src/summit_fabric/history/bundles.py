"""The imported bundles: taken in whole or not at all, listed, thrown away."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import IO, Any, Final, TypeVar

import asyncpg
import msgspec
import structlog
from msgspec import Struct
from summit_core.clock import Clock
from summit_core.errors import NotFoundError
from summit_core.model import Principal
from summit_core.model.common import Timestamp
from summit_core.store import Pool

from summit_fabric.history.bundle import OBSERVATIONS, SOURCES, VERSIONED, Opened, Part, damaged
from summit_fabric.history.imported import Imported
from summit_fabric.history.version import COLUMNS, row

log = structlog.get_logger(__name__)

ROWS_AT_ONCE: Final = 500
_BUNDLE: Final = "id, incident, title, since, until, imported_at, imported_by, parts"
T = TypeVar("T")


class Bundle(Struct, frozen=True, kw_only=True):
    """A bundle that was imported; ``since`` to ``until`` is the time of which it tells."""

    id: str
    incident: str
    title: str
    since: Timestamp
    until: Timestamp
    imported_at: Timestamp
    imported_by: str
    parts: tuple[Part, ...]


class Bundles:
    """What is imported keeps its ids, versions and times, in tables of its own."""

    def __init__(self, pool: Pool, reads: Pool, clock: Clock) -> None:
        self._pool = pool
        self._reads = reads
        self._clock = clock

    async def all(self) -> list[Bundle]:
        """The latest first."""
        rows = await self._reads.fetch(f"SELECT {_BUNDLE} FROM bundles ORDER BY imported_at DESC, id LIMIT 1000")
        return [_bundle(row) for row in rows]

    async def one(self, identifier: str) -> Bundle:
        """Raises :class:`NotFoundError`."""
        row = await self._reads.fetchrow(f"SELECT {_BUNDLE} FROM bundles WHERE id = $1", identifier)
        if row is None:
            raise NotFoundError(f"no bundle {identifier} was imported here")
        return _bundle(row)

    async def past(self, identifier: str) -> Imported:
        """Raises :class:`NotFoundError`."""
        await self.one(identifier)
        return Imported(self._reads, identifier)

    async def drop(self, identifier: str, principal: Principal) -> None:
        """Raises :class:`NotFoundError`."""
        await self.one(identifier)
        await self._pool.execute("DELETE FROM bundles WHERE id = $1", identifier)
        log.info("bundle dropped", id=identifier, by=principal.id)

    async def take_in(self, file: IO[bytes], principal: Principal) -> Bundle:
        """Raises :class:`InputError` that names the damaged part; then nothing of it is kept."""
        opened = await asyncio.to_thread(Opened, file)
        await asyncio.to_thread(opened.verify)
        identifier = _id_for(principal.owner, opened.manifest.id)
        async with self._pool.acquire() as connection, connection.transaction():
            if await self._enter(connection, identifier, opened, principal):
                await _copy(connection, identifier, opened)
                log.info("bundle imported", id=identifier, by=principal.id)
        return await self.one(identifier)

    async def _enter(
        self, connection: asyncpg.Connection, identifier: str, opened: Opened, principal: Principal
    ) -> bool:
        """Whether it is a new one."""
        told = opened.manifest
        entered = await connection.fetchval(
            "INSERT INTO bundles VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id",
            *(identifier, told.incident, told.title, told.since, told.until, self._clock.now(), principal.name),
            msgspec.json.encode(told.parts).decode(),
            principal.owner,
        )
        return entered is not None


async def _copy(connection: asyncpg.Connection, bundle: str, opened: Opened) -> None:
    events = ("bundle", "type", *COLUMNS)
    for name in VERSIONED:
        versions = ((bundle, one.type, *row(one)) for one in opened.versions(name))
        await _copy_part(connection, name, "bundle_events", events, versions)
    seen = ((bundle, one.observed_at, one.id, body.decode()) for one, body in opened.observations())
    await _copy_part(connection, OBSERVATIONS, "bundle_observations", ("bundle", "t", "id", "body"), seen)
    accounts = ((bundle, one.id, bytes(one.account).decode()) for one in opened.accounts())
    await _copy_part(connection, SOURCES, "bundle_sources", ("bundle", "id", "account"), accounts)


async def _copy_part(
    connection: asyncpg.Connection, part: str, table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    try:
        while batch := await asyncio.to_thread(_next, rows):
            await connection.copy_records_to_table(table, columns=columns, records=batch)
    except asyncpg.UniqueViolationError:
        raise damaged(part, "it says one thing twice") from None
    except asyncpg.DataError as error:
        raise damaged(part, f"it holds what cannot be stored ({error})") from None


def _next(rows: Iterator[T]) -> list[T]:
    return list(islice(rows, ROWS_AT_ONCE))


def _bundle(stored: Any) -> Bundle:
    parts = msgspec.json.decode(stored["parts"], type=tuple[Part, ...])
    return Bundle(**{**dict(stored), "parts": parts})


def _id_for(organisation: str | None, identifier: str) -> str:
    """Two organisations may import the same bundle, each for itself."""
    if organisation is None:
        return identifier
    return "b-" + hashlib.blake2b(f"{organisation}/{identifier}".encode(), digest_size=16).hexdigest()


def file_name(incident: str, at: datetime) -> str:
    return f"summit-{incident.replace(':', '-')}-{at:%Y%m%dT%H%M%SZ}.zip"
