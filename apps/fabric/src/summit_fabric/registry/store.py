"""The registry's part of the database: keys of role ``device``, denied publishes, and how far a log was read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
from msgspec import Struct
from summit_core.model import Credential, Denial, Role
from summit_core.store import Pool

from summit_fabric.registry.credentials import Held


class Denied(Struct, frozen=True):
    """How often the broker dropped what a thing published, and the last time."""

    count: int
    last: Denial


class Place(NamedTuple):
    """How far a log file has been read."""

    inode: int
    position: int


class RegistryStore:
    """Raises what the driver raises while the database is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def credentials(self, ended_after: datetime, device: str | None = None) -> list[Held]:
        rows = await self._pool.fetch(
            "SELECT id, name, hash, organisation, areas, scopes, created_at, created_by, expires_at, revoked_at"
            " FROM api_keys WHERE role = $1 AND ($2::text IS NULL OR name = $2)"
            " AND COALESCE(LEAST(revoked_at, expires_at), 'infinity') > $3",
            *(str(Role.DEVICE), device, ended_after),
        )
        return [_held(row) for row in rows]

    async def issue(self, held: Held, *, others_end_at: datetime | None = None) -> None:
        """Add a credential; the others of its device end at ``others_end_at``, unless they end before."""
        one = held.credential
        async with self._pool.acquire() as connection, connection.transaction():
            if others_end_at is not None:
                await connection.execute(
                    "UPDATE api_keys SET expires_at = LEAST(expires_at, $3)"
                    " WHERE role = $1 AND name = $2 AND revoked_at IS NULL",
                    *(str(Role.DEVICE), held.device, others_end_at),
                )
            await connection.execute(
                "INSERT INTO api_keys (id, name, role, hash, created_at, created_by, expires_at, organisation)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                *(one.id, held.device, str(Role.DEVICE), held.hash, one.issued_at, one.issued_by, one.expires_at),
                held.organisation,
            )

    async def is_of_another(self, source: str, owner: str | None) -> bool:
        """Whether a source of this name was heard for another organisation."""
        statement = "SELECT EXISTS (SELECT FROM sources WHERE id = $1 AND organisation IS DISTINCT FROM $2)"
        return bool(await self._pool.fetchval(statement, source, owner))

    async def revoke(self, device: str, credential: str | None, at: datetime) -> int:
        """How many there are; revoking twice keeps the first time."""
        rows = await self._pool.fetch(
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $4)"
            " WHERE role = $1 AND name = $2 AND ($3::text IS NULL OR id = $3) RETURNING id",
            *(str(Role.DEVICE), device, credential, at),
        )
        return len(rows)

    async def denials(self, devices: Sequence[str]) -> dict[str, Denied]:
        statement = "SELECT id, count, last_at, last_subject FROM denials WHERE id = ANY($1)"
        rows = await self._pool.fetch(statement, devices)
        return {row["id"]: Denied(row["count"], Denial(at=row["last_at"], subject=row["last_subject"])) for row in rows}

    async def forget(self, device: str) -> None:
        await self._pool.execute("DELETE FROM denials WHERE id = $1", device)

    async def place(self, path: str) -> Place | None:
        row = await self._pool.fetchrow("SELECT inode, position FROM followed_logs WHERE path = $1", path)
        return None if row is None else Place(row["inode"], row["position"])

    async def record(self, path: str, place: Place, denied: Mapping[str, Denied]) -> None:
        """Count denied publishes and remember the place, in one transaction: each line counts once."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(
                "INSERT INTO denials AS d (id, count, last_at, last_subject) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (id) DO UPDATE SET count = d.count + $2, last_at = $3, last_subject = $4",
                [(one, added.count, added.last.at, added.last.subject) for one, added in denied.items()],
            )
            await connection.execute(
                "INSERT INTO followed_logs (path, inode, position) VALUES ($1, $2, $3)"
                " ON CONFLICT (path) DO UPDATE SET inode = $2, position = $3",
                *(path, place.inode, place.position),
            )


def _held(row: asyncpg.Record) -> Held:
    areas, scopes = tuple(tuple(area) for area in row["areas"]), row["scopes"]
    reach = (row["organisation"], areas, None if scopes is None else tuple(scopes))
    return Held(_credential(row), row["name"], bytes(row["hash"]), *reach)


def _credential(row: asyncpg.Record) -> Credential:
    return Credential(
        id=row["id"],
        issued_at=row["created_at"],
        issued_by=row["created_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
