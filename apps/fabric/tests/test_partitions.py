"""Day partitions in the real database: ready ahead of midnight, dropped when all in them is past its time."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from summit_core.clock import ManualClock
from summit_core.ids import new_id
from summit_core.store import Pool, create_pool
from summit_fabric.partitions import Partitions, create_statement, day_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
PAST = "observations_past"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, name="test")
    yield pool
    await pool.close()


async def store(pool: Pool, at: datetime, received_at: datetime) -> None:
    await pool.execute(
        "INSERT INTO observations (id, t, received_at, source, kind, body) VALUES ($1, $2, $3, 's', 'report', '{}')",
        new_id(),
        at,
        received_at,
    )


async def rows_in(pool: Pool) -> dict[str, int]:
    rows = await pool.fetch("SELECT tableoid::regclass::text AS name, count(*) AS n FROM observations GROUP BY 1")
    return {row["name"]: row["n"] for row in rows}


async def days(pool: Pool) -> list[date]:
    rows = await pool.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'observations'::regclass"
    )
    return sorted(day for row in rows if (day := day_of(row["name"])))


def test_the_statement_covers_one_day() -> None:
    statement = create_statement(date(2024, 2, 29))
    assert "observations_20240229" in statement
    assert "FROM ('2024-02-29 00:00:00+00') TO ('2024-03-01 00:00:00+00')" in statement
    assert (day_of("observations_20240229"), day_of(PAST)) == (date(2024, 2, 29), None)


async def test_a_day_goes_when_all_in_it_was_received_long_ago(pool: Pool) -> None:
    clock = ManualClock(NOW)
    partitions = Partitions(pool, clock, days=2)
    yesterday = NOW - timedelta(days=1)
    await partitions.make_for([NOW, yesterday])
    await store(pool, NOW, NOW)
    await store(pool, yesterday, NOW)  # it came late
    assert await rows_in(pool) == {"observations_20260610": 1, "observations_20260609": 1}
    clock.advance(2 * 86_400 - 1)
    await partitions.retire()
    assert len(await days(pool)) == 2
    clock.advance(86_400)
    await partitions.retire()
    assert await days(pool) == []
    assert await rows_in(pool) == {}


async def test_scattered_old_days_share_one_place_and_stay_as_long_as_all_others(pool: Pool) -> None:
    clock = ManualClock(NOW)
    partitions = Partitions(pool, clock, days=2)
    old = [datetime(2020, 8, 1, tzinfo=UTC) + timedelta(days=n) for n in range(40)]
    await partitions.make_for(old)
    for at in old:
        await store(pool, at, NOW)
    await partitions.retire()
    assert await rows_in(pool) == {PAST: 40}
    assert await days(pool) == []
    clock.advance(3 * 86_400)
    await partitions.retire()
    assert await rows_in(pool) == {}


async def test_a_clock_that_was_set_back_stops_nothing(pool: Pool) -> None:
    partitions = Partitions(pool, ManualClock(NOW), days=2)
    await store(pool, NOW, NOW)  # no partition yet: it lies in the past
    await partitions.make_for([NOW])
    await store(pool, NOW, NOW)
    assert await rows_in(pool) == {PAST: 2}
