"""Idempotent batch writes: COPY into a temporary table, then insert what is not there yet."""

from collections.abc import Iterable, Sequence
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
    """Insert records inside the caller's transaction; returns column ``returning`` of those that were new.

    A record whose key is already stored, earlier or within the same batch, is left as it is. Measured nearly free
    against plain COPY, and it makes redelivery harmless. ``table`` and ``columns`` are ours, never a caller's input.
    """
    names = ", ".join(columns)
    temporary = f"incoming_{table}"
    await connection.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {temporary} ON COMMIT DELETE ROWS"
        f" AS SELECT {names} FROM {table} WITH NO DATA"
    )
    await connection.copy_records_to_table(temporary, columns=columns, records=records)
    rows = await connection.fetch(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {temporary} ON CONFLICT DO NOTHING RETURNING {returning}"
    )
    return [row[0] for row in rows]
