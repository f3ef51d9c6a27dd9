"""The connection pool. A lost connection is noticed before use, so the first request after a restart succeeds."""

from time import monotonic
from typing import Any, Final, TypeAlias

import asyncpg
from asyncpg import pool as asyncpg_pool
from prometheus_client import Gauge

from summit_core.model import DEFAULT_ORGANISATION
from summit_core.security.acting import acting

Pool: TypeAlias = asyncpg.Pool
TEMPORARY: Final = "1MB"
"""Of a backend for its temporary tables. It takes what it may and never gives it back: with the default of 8 MB each
connection that has met duplicates grows to twice its size."""
READER: Final = "summit_reader"
GOOD_FOR_S: Final = 0.1
"""A connection that answered so lately is not asked again: no server restarts in that time."""
LOST = (
    *(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError),
    asyncpg.OperatorInterventionError,  # class 57: shut down, crashed or still starting
)
"""What a query on a connection whose server has gone may raise; which of them is a matter of timing."""
POOL_LIMIT = Gauge("summit_postgres_pool_limit", "Connections that the pool may open")
POOL_OPEN = Gauge("summit_postgres_pool_open", "Connections that are open")
POOL_IDLE = Gauge("summit_postgres_pool_idle", "Open connections that nobody uses")


class StaleConnectionError(ConnectionError):
    """A pooled connection that died unnoticed; the pool has thrown it away."""


UNAVAILABLE = (*LOST, asyncpg.TooManyConnectionsError)
"""What asyncpg raises when the database is away."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """Nothing that we do in a session outlives its transaction, so a connection that comes back has nothing to forget
    (asyncpg ends a transaction that was left open). That saves a round trip for each use."""

    __slots__ = ("_good_until",)

    def get_reset_query(self) -> str:
        return ""

    async def check(self) -> None:
        """A round trip; raises what of :data:`LOST` shows that the server has gone."""
        if monotonic() < getattr(self, "_good_until", 0.0):
            return
        await self.execute("SELECT 1")
        self._good_until = monotonic() + GOOD_FOR_S


class _CheckedPool(asyncpg_pool.Pool):  # type: ignore[misc]  # asyncpg ships no types
    """Gives out only connections that answer: a dead one is replaced, at most once for each that the pool may hold."""

    async def _acquire(self, timeout: float | None) -> Any:
        for _ in range(self.get_max_size()):
            try:
                return await super()._acquire(timeout)
            except StaleConnectionError:
                continue
        return await super()._acquire(timeout)


async def create_pool(url: str, *, name: str, max_size: int = 5) -> Pool:
    """A pool that opens its connections when first needed, so a service starts while the database is still away."""
    pool = await _pool(url, max_size, _check, {"application_name": name})
    POOL_LIMIT.set(max_size)
    POOL_OPEN.set_function(pool.get_size)
    POOL_IDLE.set_function(pool.get_idle_size)
    return pool


async def create_reading_pool(url: str, *, name: str, max_size: int = 5) -> Pool:
    """For reads on behalf of a caller. Its connections are the role ``summit_reader`` from their first moment, which
    row-level security binds, and each time that one is taken it is told whom it is for
    (:func:`summit_core.security.acting.acting`): so a query that forgets to ask still finds nothing of others. That is
    the one round trip that tells whether the connection lives, too."""
    return await _pool(url, max_size, _read_for_caller, {"application_name": f"{name}-reads", "role": READER})


async def _pool(url: str, max_size: int, setup: Any, settings: dict[str, str]) -> Pool:
    return await _CheckedPool(
        url,
        connection_class=_Connection,
        record_class=asyncpg.Record,
        min_size=0,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=60.0,
        setup=setup,
        init=None,
        reset=None,
        connect=None,
        loop=None,
        timeout=2.0,
        command_timeout=30.0,
        server_settings=settings | {"jit": "off", "temp_buffers": TEMPORARY},
    )


async def _check(connection: _Connection) -> None:
    """Before each use. When it fails, the pool closes the connection."""
    try:
        await connection.check()
    except LOST as error:
        raise StaleConnectionError("the connection had died") from error


async def _read_for_caller(connection: _Connection) -> None:
    owner = acting().owner
    try:
        await connection.execute(
            "SELECT set_config('summit.organisation', $1, false)", DEFAULT_ORGANISATION if owner is None else owner
        )
    except LOST as error:
        raise StaleConnectionError("the connection had died") from error


async def check_pool(pool: Pool) -> str | None:
    """Readiness: None when the database answers."""
    try:
        await pool.fetchval("SELECT 1", timeout=1.5)
    except UNAVAILABLE as error:
        return f"PostgreSQL does not answer: {type(error).__name__}"
    return None
