"""Table ``users``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from summit_core.errors import ConflictError
from summit_core.model import Role
from summit_core.store import Pool

from summit_gateway.keys.store import KeyStore, administrators, available, rows_of
from summit_gateway.users.user import StoredUser, User

_SHOWN: Final = "id, name, role, organisation, areas, active, must_change, totp_on AS totp, created_at, created_by"
_STORED: Final = f"{_SHOWN}, password, sessions_since, totp AS sealed, totp_step, clock_timestamp() AS read_at"
_LOG_OUT: Final = ", sessions_since = clock_timestamp()"


class UserStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._locked = KeyStore(pool).locked

    async def by_name(self, name: str) -> StoredUser | None:
        return await self._one("name = $1", name.lower())

    async def by_id(self, user_id: str) -> StoredUser | None:
        return await self._one("id = $1", user_id)

    async def all(self) -> list[User]:
        async with available():
            rows = await self._pool.fetch(f"SELECT {_SHOWN} FROM users ORDER BY name")
        return [user_of(row) for row in rows]

    async def insert(self, user: User, password: str) -> None:
        """Raises :class:`ConflictError` when the name is taken."""
        statement = (
            "INSERT INTO users (id, name, role, organisation, areas, created_at, created_by, password, must_change)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING RETURNING id"
        )
        values = (user.id, user.name, str(user.role), user.organisation, rows_of(user.areas))
        made = (user.created_at, user.created_by, password, user.must_change)
        async with available():
            if await self._pool.fetchval(statement, *values, *made) is None:
                raise ConflictError(f"there is a user {user.name} already", field="name")

    async def set_password(self, user_id: str, password: str, *, must_change: bool) -> datetime:
        """Ends every session of the user; the moment from which new ones hold, by the database's clock."""
        async with available():
            since: datetime = await self._pool.fetchval(
                f"UPDATE users SET password = $2, must_change = $3{_LOG_OUT} WHERE id = $1 RETURNING sessions_since",
                *(user_id, password, must_change),
            )
        return since

    async def rehash(self, user_id: str, before: str, password: str) -> None:
        """The same password under today's parameters; ends nothing."""
        async with available():
            statement = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2"
            await self._pool.execute(statement, user_id, before, password)

    @asynccontextmanager
    async def change(self, now: datetime) -> AsyncIterator[asyncpg.Connection]:
        """A transaction after which there has to be an administrator still, else :class:`ConflictError`."""
        async with self._locked() as connection:
            yield connection
            if not await administrators(connection, now):
                raise ConflictError("this is the last administrator; make another one first")

    async def use_step(self, user_id: str, step: int) -> bool:
        """Whether this time step's code was not used before, nor one after it."""
        return await self._did(
            "UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2 RETURNING id", user_id, step
        )

    async def use_recovery(self, user_id: str, hash_: bytes) -> bool:
        """Whether this recovery code was there; it is no longer."""
        statement = (
            "UPDATE users SET recovery = array_remove(recovery, $2) WHERE id = $1 AND $2 = ANY(recovery) RETURNING id"
        )
        return await self._did(statement, user_id, hash_)

    async def offer_totp(self, user_id: str, sealed: bytes) -> bool:
        """Whether it is kept; not while another one is in force."""
        statement = "UPDATE users SET totp = $2, totp_step = 0 WHERE id = $1 AND NOT totp_on RETURNING id"
        return await self._did(statement, user_id, sealed)

    async def confirm_totp(self, user_id: str, recovery: list[bytes]) -> bool:
        statement = "UPDATE users SET totp_on = true, recovery = $2 WHERE id = $1 AND NOT totp_on RETURNING id"
        return await self._did(statement, user_id, recovery)

    async def sealed(self) -> dict[str, bytes]:
        async with available():
            rows = await self._pool.fetch("SELECT id, totp FROM users WHERE totp IS NOT NULL")
        return {row["id"]: bytes(row["totp"]) for row in rows}

    async def reseal(self, user_id: str, before: bytes, sealed: bytes) -> None:
        async with available():
            await self._pool.execute("UPDATE users SET totp = $3 WHERE id = $1 AND totp = $2", user_id, before, sealed)

    async def _one(self, where: str, value: str) -> StoredUser | None:
        async with available():
            row = await self._pool.fetchrow(f"SELECT {_STORED} FROM users WHERE {where}", value)
        if row is None:
            return None
        sealed = None if row["sealed"] is None else bytes(row["sealed"])
        secret = (row["password"], row["sessions_since"], sealed, row["totp_step"], row["read_at"])
        return StoredUser(user_of(row), *secret)

    async def _did(self, statement: str, *values: Any) -> bool:
        async with available():
            return await self._pool.fetchval(statement, *values) is not None


async def held(connection: asyncpg.Connection, user_id: str) -> User | None:
    """As he is now, and stays for others until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_SHOWN} FROM users WHERE id = $1 FOR UPDATE", user_id)
    return None if row is None else user_of(row)


async def update(connection: asyncpg.Connection, user: User, password: str | None, *, log_out: bool) -> None:
    """Write what an administrator may change. ``password`` None stays; ``totp`` false forgets its secret."""
    await connection.execute(
        "UPDATE users SET role = $2, areas = $3, active = $4, must_change = $5, password = COALESCE($6, password),"
        " totp_on = totp_on AND $7, totp = CASE WHEN $7 THEN totp END,"
        f" recovery = CASE WHEN $7 THEN recovery ELSE '{{}}' END{_LOG_OUT if log_out else ''} WHERE id = $1",
        *(user.id, str(user.role), rows_of(user.areas), user.active, user.must_change, password, user.totp),
    )


async def forget_passkeys(connection: asyncpg.Connection, user_id: str) -> None:
    await connection.execute("DELETE FROM passkeys WHERE user_id = $1", user_id)


async def delete(connection: asyncpg.Connection, user_id: str) -> None:
    """Ends every session of the user as well (the tables say so)."""
    await connection.execute("DELETE FROM users WHERE id = $1", user_id)


def user_of(row: Any) -> User:
    """Of a row with the columns that are shown."""
    fields = {name: row[name] for name in User.__struct_fields__}
    areas = tuple(tuple(area) for area in fields["areas"])
    return User(**fields | {"role": Role(fields["role"]), "areas": areas})
