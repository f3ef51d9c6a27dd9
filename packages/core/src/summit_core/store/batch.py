"""Idempotent batch writes: what is stored already stays as it is, so a redelivery is harmless.

They work inside the caller's transaction. ``table``, ``columns`` and ``key`` are ours, never a caller's input.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import asyncpg


async def insert_ignoring_duplicates(
    connection: asyncpg.Connection,
    table: str,
    columns: Sequence[str],
    records: Iterable[Sequence[Any]],
    *,
    returning: str,
) -> list[Any]:
    """Insert records; returns column ``returning`` of those that were new. Of several with one key, the first."""
    statement = await _copy_aside(connection, table, columns, records)
    return [row[0] for row in await connection.fetch(f"{statement} RETURNING {returning}")]


async def insert_quietly(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]
) -> None:
    """Insert records that are most likely new, whichever of them are: by a plain COPY, and only when that meets a
    duplicate as :func:`insert_ignoring_duplicates` does."""
    await connection.execute("SAVEPOINT before_copy")
    try:
        await connection.copy_records_to_table(table, columns=columns, records=records)
    except asyncpg.UniqueViolationError:
        await connection.execute("ROLLBACK TO SAVEPOINT before_copy; RELEASE SAVEPOINT before_copy")
        await connection.execute(await _copy_aside(connection, table, columns, records))


async def insert_new(
    connection: asyncpg.Connection,
    table: str,
    columns: Sequence[str],
    copied: bytes,
    records: Callable[[], Sequence[Sequence[Any]]],
    *,
    key: Sequence[str],
    careful: bool = False,
) -> set[tuple[Any, ...]] | None:
    """Insert records that are most likely new; returns None when all were, else the keys that were there before.

    ``copied`` are the records in COPY's binary format, ``records`` makes them as values. A plain COPY costs the server
    half of what the way through a temporary table does, so that way is gone only when the first one meets a duplicate,
    or when ``careful`` says that this is likely. Of several with one key within the records, the first is stored.
    """
    if not careful:
        await connection.execute("SAVEPOINT before_copy")
        try:
            # As a buffer: a file is read in a thread, and by a class that asyncpg makes for each call, which holds the
            # rows until the garbage collector comes by.
            await connection.copy_to_table(table, columns=columns, source=memoryview(copied), format="binary")
            return None
        except asyncpg.UniqueViolationError:
            # released too, so that what follows belongs to the transaction itself
            await connection.execute("ROLLBACK TO SAVEPOINT before_copy; RELEASE SAVEPOINT before_copy")
    wanted = records()
    inserted = await connection.execute(await _copy_aside(connection, table, columns, wanted))
    if inserted == f"INSERT 0 {len(wanted)}":
        return None
    # LIMIT keeps the planner from joining the whole of a large table; our own rows are told by their transaction.
    rows = await connection.fetch(
        f"SELECT {', '.join(f'i.{name}' for name in key)} FROM incoming_{table} AS i CROSS JOIN LATERAL ("
        f"SELECT 1 FROM {table} AS o WHERE {' AND '.join(f'o.{name} = i.{name}' for name in key)}"
        " AND o.xmin <> pg_current_xact_id()::xid LIMIT 1) AS before"
    )
    return {tuple(row) for row in rows}


async def _copy_aside(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> str:
    """COPY into a temporary table; returns the statement that inserts from there what is not in the table yet."""
    names, temporary = ", ".join(columns), f"incoming_{table}"
    await connection.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {temporary} ON COMMIT DELETE ROWS"
        f" AS SELECT {names} FROM {table} WITH NO DATA"
    )
    await connection.copy_records_to_table(temporary, columns=columns, records=records)
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {temporary} ON CONFLICT DO NOTHING"
