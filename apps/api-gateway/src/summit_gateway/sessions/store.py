"""Tables ``sessions`` and ``refresh_tokens``."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import asyncpg
from summit_core.errors import UnauthenticatedError
from summit_core.store import Pool

from summit_gateway.keys.store import available
from summit_gateway.sessions.session import Session
from summit_gateway.users.store import user_of

KEPT: Final = timedelta(days=1)
"""How long an expired session stays, so that an old token still gets the right answer."""
_USER: Final = ", ".join(
    f"u.{column}"
    for column in ("name", "role", "organisation", "areas", "active", "must_change", "created_at", "created_by")
)


class Renewal(Enum):
    DONE = "done"
    UNKNOWN = "unknown"
    USED = "used"


class SessionStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, ids: Iterable[str]) -> list[Session]:
        statement = (
            "SELECT s.id AS session, s.key_id, s.started_at, s.expires_at, s.ended_at, u.id, u.sessions_since,"
            f" u.totp_on AS totp, {_USER} FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE s.id = ANY($1)"
        )
        async with available():
            rows = await self._pool.fetch(statement, list(ids))
        return [_session(row) for row in rows]

    async def insert(self, session: Session, refresh: bytes) -> None:
        """Raises :class:`UnauthenticatedError` when the key or the user has gone meanwhile."""
        user = None if session.user is None else session.user.id
        async with available(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM sessions WHERE expires_at < $1", session.started_at - KEPT)
            try:
                await connection.execute(
                    "INSERT INTO sessions (id, user_id, key_id, started_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
                    *(session.id, user, session.key_id, session.started_at, session.expires_at),
                )
            except asyncpg.ForeignKeyViolationError as error:
                raise UnauthenticatedError("whoever signs in here was removed just now") from error
            await _add(connection, session.id, refresh)

    async def session_of(self, refresh: bytes) -> str | None:
        async with available():
            found: str | None = await self._pool.fetchval("SELECT session FROM refresh_tokens WHERE hash = $1", refresh)
        return found

    async def renew(self, old: bytes, new: bytes, now: datetime) -> tuple[Renewal, datetime | None]:
        """Put ``new`` in the place of ``old``, once; when ``old`` was used already, since when."""
        async with available(), self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "SELECT session, used_at FROM refresh_tokens WHERE hash = $1 FOR UPDATE", old
            )
            if row is None:
                return Renewal.UNKNOWN, None
            if row["used_at"] is not None:
                return Renewal.USED, row["used_at"]
            await connection.execute("UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1", old, now)
            await _add(connection, row["session"], new)
        return Renewal.DONE, None

    async def end(self, session: str, now: datetime) -> None:
        """Ending twice keeps the first time."""
        async with available():
            statement = "UPDATE sessions SET ended_at = COALESCE(ended_at, $2) WHERE id = $1"
            await self._pool.execute(statement, session, now)


async def _add(connection: asyncpg.Connection, session: str, hash_: bytes) -> None:
    await connection.execute("INSERT INTO refresh_tokens (hash, session) VALUES ($1, $2)", hash_, session)


def _session(row: Any) -> Session:
    return Session(
        id=row["session"],
        key_id=row["key_id"],
        user=None if row["id"] is None else user_of(row),
        sessions_since=row["sessions_since"],
        started_at=row["started_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
    )
