"""Tables ``passkeys`` and ``passkey_challenges``."""

from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
from summit_core.errors import ConflictError
from summit_core.store import Pool

from summit_gateway.keys.store import available
from summit_gateway.passkeys.passkey import MAX_EACH, Passkey, StoredPasskey
from summit_gateway.users.store import UserStore

_SHOWN: Final = "id, name, created_at, last_used_at"
SPENT_STAY: Final = timedelta(minutes=10)
"""Longer than a challenge lasts: another process may have a slower clock."""


class PasskeyStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._users = UserStore(pool)

    async def spend(self, challenge: bytes, end: datetime) -> bool:
        """Whether nobody used this challenge before, here or in another process."""
        async with available():
            await self._pool.execute("DELETE FROM passkey_challenges WHERE ends_at < $1", end - SPENT_STAY)
            statement = "INSERT INTO passkey_challenges VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true"
            return await self._pool.fetchval(statement, challenge, end) is True

    async def of_user(self, user_id: str) -> list[tuple[Passkey, bytes]]:
        async with available():
            statement = f"SELECT {_SHOWN}, credential FROM passkeys WHERE user_id = $1 ORDER BY created_at, id"
            rows = await self._pool.fetch(statement, user_id)
        return [(_passkey(row), bytes(row["credential"])) for row in rows]

    async def by_credential(self, credential: bytes) -> StoredPasskey | None:
        async with available():
            statement = f"SELECT {_SHOWN}, user_id, public_key, sign_count FROM passkeys WHERE credential = $1"
            row = await self._pool.fetchrow(statement, credential)
        owner = None if row is None else await self._users.by_id(row["user_id"])
        if row is None or owner is None:
            return None
        return StoredPasskey(_passkey(row), credential, bytes(row["public_key"]), row["sign_count"], owner)

    async def insert(self, passkey: Passkey, user_id: str, made: tuple[bytes, bytes, int], began: datetime) -> bool:
        """Whether it is kept: not if the user's sessions of ``began`` ended meanwhile. Waits for whoever changes the
        user. Raises :class:`ConflictError` for a credential that is there, or one too many."""
        values = (passkey.id, user_id, *made, passkey.name, passkey.created_at)
        async with available(), self._pool.acquire() as connection, connection.transaction():
            holds = await connection.fetchval(
                "SELECT true FROM users WHERE id = $1 AND active AND NOT must_change AND sessions_since <= $2"
                " FOR UPDATE",
                *(user_id, began),
            )
            if not holds:
                return False
            if await connection.fetchval("SELECT count(*) FROM passkeys WHERE user_id = $1", user_id) >= MAX_EACH:
                raise ConflictError(f"there are {MAX_EACH} passkeys already; remove one first")
            columns = "id, user_id, credential, public_key, sign_count, name, created_at"
            try:
                await connection.execute(
                    f"INSERT INTO passkeys ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)", *values
                )
            except asyncpg.UniqueViolationError:
                raise ConflictError("this passkey is known already; use another", field="credential.id") from None
        return True

    async def advance(self, passkey_id: str, count: int, now: datetime) -> bool:
        """Whether the count is one that has not been seen; of two who come at once with the same, one is refused."""
        statement = (
            "UPDATE passkeys SET sign_count = $2, last_used_at = $3"
            " WHERE id = $1 AND ($2 > sign_count OR ($2 = 0 AND sign_count = 0)) RETURNING id"
        )
        return await self._did(statement, passkey_id, count, now)

    async def rename(self, passkey_id: str, user_id: str, name: str) -> Passkey | None:
        statement = f"UPDATE passkeys SET name = $3 WHERE id = $1 AND user_id = $2 RETURNING {_SHOWN}"
        async with available():
            row = await self._pool.fetchrow(statement, passkey_id, user_id, name)
        return None if row is None else _passkey(row)

    async def delete(self, passkey_id: str, user_id: str) -> bool:
        return await self._did("DELETE FROM passkeys WHERE id = $1 AND user_id = $2 RETURNING id", passkey_id, user_id)

    async def _did(self, statement: str, *values: Any) -> bool:
        async with available():
            return await self._pool.fetchval(statement, *values) is not None


def _passkey(row: Any) -> Passkey:
    return Passkey(**{name: row[name] for name in Passkey.__struct_fields__})
