"""Table ``idempotency``: each attempt holds a lease, and only who holds it may write its answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import asyncpg
import msgspec
from summit_core.errors import UnavailableError
from summit_core.store import Pool
from summit_core.store.pool import UNAVAILABLE

from summit_gateway.idempotency.key import Request

_NOW: Final = "clock_timestamp()"
"""The database's: replicas need not agree on the time."""
_WHERE: Final = "caller = $1 AND route = $2 AND key = $3"

# What has expired counts as absent. Two that come at once: the second waits for the first's row and then reads it.
_BEGIN: Final = f"""
INSERT INTO idempotency AS held (caller, route, key, fingerprint, attempt, leased_until, expires_at)
VALUES ($1, $2, $3, $4, $5, {_NOW} + make_interval(secs => $6), {_NOW} + make_interval(secs => $7))
ON CONFLICT (caller, route, key) DO UPDATE SET
  fingerprint = excluded.fingerprint, attempt = excluded.attempt, leased_until = excluded.leased_until,
  expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL
WHERE held.expires_at < {_NOW}
  OR ($8 AND held.status IS NULL AND held.leased_until < {_NOW} AND held.fingerprint = excluded.fingerprint)
RETURNING attempt
"""


class Answer(NamedTuple):
    """``body`` None: it held a secret, which nothing keeps."""

    status: int
    headers: dict[str, str]
    body: bytes | None


class Found(NamedTuple):
    """What stands under a key: ``answer`` None while the work is underway, or when its lease has run out."""

    fingerprint: bytes
    leased: bool
    answer: Answer | None


class IdempotencyStore:
    """Raises :class:`UnavailableError` while the database is away."""

    def __init__(self, pool: Pool, *, lease_s: float, kept_s: float) -> None:
        self._pool = pool
        self._lease_s = lease_s
        self._kept_s = kept_s

    async def begin(self, request: Request, attempt: str, *, take_over: bool) -> Found | None:
        """None: it is ours to do. ``take_over``: also where another one's lease ran out without an answer."""
        async with _available():
            times = (self._lease_s, self._kept_s)
            won = await self._pool.fetchval(_BEGIN, *request, attempt, *times, take_over)
            return None if won is not None else await self._find(request)

    async def finish(self, request: Request, attempt: str, answer: Answer) -> None:
        """Keep the answer for whoever asks again."""
        headers = msgspec.json.encode(answer.headers).decode()
        async with _available():
            await self._pool.execute(
                f"UPDATE idempotency SET status = $5, headers = $6, body = $7 WHERE {_WHERE} AND attempt = $4",
                *request[:3],
                attempt,
                answer.status,
                headers,
                answer.body,
            )

    async def forget(self, request: Request, attempt: str) -> None:
        """Nothing was done: the next one begins anew."""
        async with _available():
            await self._pool.execute(f"DELETE FROM idempotency WHERE {_WHERE} AND attempt = $4", *request[:3], attempt)

    async def give_up(self, request: Request, attempt: str) -> None:
        """Nobody knows whether it was done."""
        async with _available():
            statement = f"UPDATE idempotency SET leased_until = {_NOW} WHERE {_WHERE} AND attempt = $4"
            await self._pool.execute(statement, *request[:3], attempt)

    async def expire(self) -> int:
        """Remove what is no longer kept; how many."""
        async with _available():
            done = await self._pool.execute(f"DELETE FROM idempotency WHERE expires_at < {_NOW}")
        return int(str(done).rpartition(" ")[2])

    async def _find(self, request: Request) -> Found:
        columns = f"fingerprint, leased_until > {_NOW} AS leased, status, headers, body"
        statement = f"SELECT {columns} FROM idempotency WHERE {_WHERE}"
        row = await self._pool.fetchrow(statement, *request[:3])
        if row is None:  # forgotten between the two statements: whoever asks again will find it free
            return Found(request.fingerprint, True, None)
        answer = None
        if row["status"] is not None:
            headers = msgspec.json.decode(row["headers"], type=dict[str, str])
            answer = Answer(row["status"], headers, row["body"])
        return Found(bytes(row["fingerprint"]), row["leased"], answer)


@asynccontextmanager
async def _available() -> AsyncIterator[None]:
    try:
        yield
    except (*UNAVAILABLE, asyncpg.UndefinedTableError) as error:
        raise UnavailableError(
            "the database does not answer, so nobody could tell whether this was done before; try again",
            retry_after_s=2,
        ) from error
