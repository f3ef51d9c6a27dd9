"""Table ``api_keys``."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from summit_core.errors import UnavailableError
from summit_core.model import Role
from summit_core.model.common import Box
from summit_core.security.permissions import Permission
from summit_core.store import Pool
from summit_core.store.pool import UNAVAILABLE

from summit_gateway.keys.key import ApiKey, StoredKey

KEYS_LOCK: Final = 7_305_119
_COLUMNS: Final = (
    "id, name, role, organisation, areas, scopes, hash, created_at, created_by, expires_at, revoked_at, last_used_at"
)


class KeyStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, ids: Iterable[str], hash_: bytes | None = None) -> list[StoredKey]:
        """Those with these ids; with a hash, only the one that has it."""
        which = "id = ANY($1) AND ($2::bytea IS NULL OR hash = $2)"
        async with available():
            rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM api_keys WHERE {which}", list(ids), hash_)
        return [_stored(row) for row in rows]

    async def all(self) -> list[ApiKey]:
        async with available():
            rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        return [_stored(row).key for row in rows]

    async def used(self, at: Mapping[str, datetime]) -> None:
        """Note when keys were last used, all in one statement."""
        async with available():
            await self._pool.execute(
                "UPDATE api_keys AS k SET last_used_at = GREATEST(k.last_used_at, used.at)"
                " FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) WHERE k.id = used.id",
                *(list(at), list(at.values())),
            )

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction that no other writer of credentials shares, in this process or another."""
        async with available(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", KEYS_LOCK)
            yield connection


async def any_key(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM api_keys)"))


async def has_hash(connection: asyncpg.Connection, hash_: bytes) -> bool:
    statement = "SELECT EXISTS (SELECT FROM api_keys WHERE hash = $1 AND revoked_at IS NULL)"
    return bool(await connection.fetchval(statement, hash_))


async def find_one(connection: asyncpg.Connection, key_id: str) -> ApiKey | None:
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM api_keys WHERE id = $1", key_id)
    return None if row is None else _stored(row).key


async def insert(connection: asyncpg.Connection, stored: StoredKey) -> None:
    key = stored.key
    values = (key.id, key.name, str(key.role), stored.hash, key.created_at, key.created_by, key.expires_at)
    narrowed = (key.organisation, rows_of(key.areas), None if key.scopes is None else list(key.scopes))
    statement = (
        "INSERT INTO api_keys (id, name, role, hash, created_at, created_by, expires_at, organisation, areas, scopes)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    )
    await connection.execute(statement, *values, *narrowed)


async def administrators(connection: asyncpg.Connection, now: datetime) -> set[str]:
    """Ids of the keys and people that still may administer the whole installation."""
    rows = await connection.fetch(
        "SELECT id FROM api_keys WHERE role = $1 AND organisation = 'default' AND scopes IS NULL AND areas = '{}'"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
        " UNION SELECT id FROM users WHERE role = $1 AND organisation = 'default' AND areas = '{}' AND active",
        *(str(Role.ADMINISTRATOR), now),
    )
    return {row["id"] for row in rows}


async def revoke(connection: asyncpg.Connection, key_id: str, now: datetime) -> None:
    """Revoking twice keeps the first time."""
    statement = "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1"
    await connection.execute(statement, key_id, now)


async def end(connection: asyncpg.Connection, key_id: str, at: datetime) -> None:
    """Let a key expire at ``at``, unless it expires before."""
    await connection.execute("UPDATE api_keys SET expires_at = LEAST(expires_at, $2) WHERE id = $1", key_id, at)


def rows_of(areas: tuple[Box, ...]) -> list[list[float]]:
    """As the driver takes an array of arrays."""
    return [list(area) for area in areas]


def _stored(row: Any) -> StoredKey:
    fields = dict(row)
    hash_ = bytes(fields.pop("hash"))
    scopes = fields["scopes"]
    typed = {
        "role": Role(fields["role"]),
        "areas": tuple(tuple(area) for area in fields["areas"]),
        "scopes": None if scopes is None else tuple(Permission(scope) for scope in scopes),
    }
    return StoredKey(ApiKey(**fields | typed), hash_)


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Turns what the driver raises while the database is away into :class:`UnavailableError`."""
    try:
        yield
    except (*UNAVAILABLE, asyncpg.UndefinedTableError) as error:
        raise UnavailableError("the database does not answer; try again", retry_after_s=2) from error
