"""Day partitions of the observations: made ahead of need, dropped when all in them was received long ago.

A day is kept for so many days after its last observation came in. What lies outside the kept days (a replay of an old
recording) goes to the one partition ``observations_past`` and leaves it by the same rule, so the number of partitions
is bounded whatever is replayed.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg
import structlog
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 600.0
BEAT_EVERY_S: Final = 5.0
DELETE_AT_ONCE: Final = 20_000
TIMER: Final = "fabric-partitions"


class Partitions:
    """``days``: how long an observation is kept after it was received."""

    def __init__(self, pool: Pool, clock: Clock, *, days: int) -> None:
        self._pool = pool
        self._clock = clock
        self._kept = timedelta(days=days)
        self._made: set[date] = set()

    async def make_for(self, times: Iterable[datetime]) -> None:
        """The partitions that these times (UTC) need; nothing to do for times long ago, and almost always else."""
        await self._make({time.date() for time in times} - self._made)

    async def watch(self, health: HealthMonitor) -> None:
        """Have tomorrow ready, and let go of what is past its time."""
        while True:
            now = self._clock.now()
            await self._make({now.date(), now.date() + timedelta(days=1)})
            await self.retire()
            for _ in range(int(LOOK_EVERY_S / BEAT_EVERY_S)):
                health.beat(TIMER)
                await asyncio.sleep(BEAT_EVERY_S)

    async def retire(self) -> None:
        """Drop days, and delete from the past, where the time to keep has run out."""
        before = self._clock.now() - self._kept
        rows = await self._pool.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'observations'::regclass"
        )
        for name in sorted(row["name"] for row in rows):
            day = day_of(name)
            if day is None or day >= before.date():
                continue
            if await self._pool.fetchval(f"SELECT 1 FROM {name} WHERE received_at >= $1 LIMIT 1", before) is None:
                self._made.discard(day)
                await self._pool.execute(f"DROP TABLE {name}")
                log.info("observations past their time dropped", partition=name)
        await self._delete_past(before)

    async def _delete_past(self, before: datetime) -> None:
        """In small steps: a long transaction would hold up the recorder."""
        statement = (
            "DELETE FROM observations_past WHERE ctid = ANY(ARRAY("
            f"SELECT ctid FROM observations_past WHERE received_at < $1 LIMIT {DELETE_AT_ONCE}))"
        )
        while await self._pool.execute(statement, before) == f"DELETE {DELETE_AT_ONCE}":
            pass

    async def _make(self, days: set[date]) -> None:
        today = self._clock.now().date()
        for day in sorted(days - self._made):
            if today - self._kept <= day <= today + timedelta(days=2):
                try:
                    await self._pool.execute(create_statement(day))
                except asyncpg.CheckViolationError:
                    log.warning("this day already lies in the past", day=str(day))  # the clock was set back
            self._made.add(day)


def day_of(name: str) -> date | None:
    """The day of a partition, None when it is not that of a day."""
    digits = name.rpartition("_")[2]
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date() if digits.isdecimal() else None


def create_statement(day: date) -> str:
    """Makes the partition of one UTC day where it is absent."""
    return (
        f"CREATE TABLE IF NOT EXISTS observations_{day:%Y%m%d} PARTITION OF observations"
        f" FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
    )
