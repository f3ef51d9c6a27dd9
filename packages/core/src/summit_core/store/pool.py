"""The connection pool. A lost connection is noticed before use, so the first request after a restart succeeds."""

from typing import TypeAlias

import asyncpg

Pool: TypeAlias = asyncpg.Pool
UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises when the database is away."""


async def create_pool(url: str, *, name: str, max_size: int = 5) -> Pool:
    """A pool that opens its connections when first needed, so a service starts while the database is still away."""
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=max_size,
        timeout=2.0,
        command_timeout=30.0,
        max_inactive_connection_lifetime=60.0,
        setup=_is_alive,
        server_settings={"application_name": name, "jit": "off"},
    )


async def _is_alive(connection: asyncpg.Connection) -> None:
    """Before each use: a round trip, so that a connection that died with the server is replaced and not handed out."""
    await connection.execute("SELECT 1")


async def check_pool(pool: Pool) -> str | None:
    """Readiness: None when the database answers."""
    try:
        await pool.fetchval("SELECT 1", timeout=1.5)
    except UNAVAILABLE as error:
        return f"PostgreSQL does not answer: {type(error).__name__}"
    return None
