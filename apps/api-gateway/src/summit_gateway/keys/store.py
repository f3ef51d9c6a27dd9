"""Table ``api_keys``."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from summit_core.errors import UnavailableError
from summit_core.model import Role
from summit_core.store import Pool
from summit_core.store.pool import UNAVAILABLE

from summit_gateway.keys.key import ApiKey, StoredKey

KEYS_LOCK: Final = 7_305_119
_COLUMNS: Final = "id, name, role, hash, created_at, created_by, expires_at, revoked_at"


class KeyStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, ids: Iterable[str]) -> list[StoredKey]:
        async with _available():
            rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM api_keys WHERE id = ANY($1)", list(ids))
        return [_stored(row) for row in rows]

    async def all(self) -> list[ApiKey]:
        async with _available():
            rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        return [_stored(row).key for row in rows]

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction that no other writer of keys shares, in this process or another."""
        async with _available(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", KEYS_LOCK)
            yield connection


async def any_key(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM api_keys)"))


async def has_hash(connection: asyncpg.Connection, hash_: bytes) -> bool:
    statement = "SELECT EXISTS (SELECT FROM api_keys WHERE hash = $1 AND revoked_at IS NULL)"
    return bool(await connection.fetchval(statement, hash_))


async def insert(connection: asyncpg.Connection, stored: StoredKey) -> None:
    key = stored.key
    values = (key.id, key.name, str(key.role), stored.hash, key.created_at, key.created_by, key.expires_at)
    statement = (
        "INSERT INTO api_keys (id, name, role, hash, created_at, created_by, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    await connection.execute(statement, *values)


async def administrators(connection: asyncpg.Connection, now: datetime) -> set[str]:
    """Ids of the administrator keys that still open the door."""
    rows = await connection.fetch(
        "SELECT id FROM api_keys WHERE role = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
        str(Role.ADMINISTRATOR),
        now,
    )
    return {row["id"] for row in rows}


async def revoke(connection: asyncpg.Connection, key_id: str, now: datetime) -> bool:
    """False when there is no such key. Revoking twice keeps the first time."""
    statement = "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING id"
    return await connection.fetchval(statement, key_id, now) is not None


def _stored(row: Any) -> StoredKey:
    fields = dict(row)
    hash_ = bytes(fields.pop("hash"))
    return StoredKey(ApiKey(**fields | {"role": Role(fields["role"])}), hash_)


@asynccontextmanager
async def _available() -> AsyncIterator[None]:
    try:
        yield
    except (*UNAVAILABLE, asyncpg.UndefinedTableError) as error:
        raise UnavailableError("the database does not answer; try again", retry_after_s=2) from error
