"""Rows as COPY takes them: the database understands what plain values say, whatever an observation has or lacks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from summit_core.ids import derived_id
from summit_core.model import AnyObservation, Report
from summit_core.store import Pool, create_pool
from summit_fabric import rows
from summit_fabric.decoded import Batch, cell_of

NOW = datetime(2026, 6, 10, 12, 0, 0, 123456, UTC)
TEXTS = ("plain", 'a "quote", a back\\slash', "nul \0 here", "\\u0000 as it is typed", "ünï 漢字", "line\nfeed\ttab")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, name="test")
    yield pool
    await pool.close()


def observations() -> list[AnyObservation]:
    """Every mixture of what may be absent, and times before and after the epoch of the format."""
    made: list[AnyObservation] = []
    for seq, placed, recording, organisation in product(
        (None, 0, 2**53), (True, False), (None, "r-1"), (None, "oxfam")
    ):
        number = len(made)
        made.append(
            Report(
                id=derived_id(NOW, str(number)),
                source=f"source-{number % 5}",
                observed_at=(NOW - timedelta(days=36 * 365)) if number % 2 else NOW + timedelta(microseconds=number),
                received_at=None if number % 7 == 0 else NOW,
                seq=seq,
                lat=40.5 if placed else None,
                lon=-121.25 if placed else None,
                recording=recording,
                organisation=organisation,
                text=TEXTS[number % len(TEXTS)],
            )
        )
    return made


async def test_what_is_copied_is_what_the_values_say(pool: Pool) -> None:
    made = observations()
    batches = [Batch(part, [cell_of(one) for one in part]) for part in (made[:5], made[5:])]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("CREATE TEMPORARY TABLE copied ON COMMIT DROP AS TABLE observations WITH NO DATA")
        await connection.copy_to_table(
            "copied", columns=rows.COLUMNS, source=memoryview(rows.copied(batches)), format="binary"
        )
        stored = await connection.fetch(f"SELECT {', '.join(rows.COLUMNS)} FROM copied")
    wanted = [(UUID(str(identifier)), *rest) for identifier, *rest in rows.values(batches)]
    assert [(UUID(str(row["id"])), *tuple(row)[1:]) for row in stored] == wanted
    assert {row["seq"] for row in stored} == {None, 0, 2**53}
    assert all("\0" not in row["body"] and "\\u0000 here" not in row["body"] for row in stored)
