"""How many dead letters wait for somebody to read them."""

import asyncio
from typing import Final

from prometheus_client import Gauge
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool

TIMER: Final = "fabric-depth"
LOOK_EVERY_S: Final = 5.0
COUNTED: Final = 10_000
"""To count more would cost the database more than the number is worth."""
DEPTH = Gauge("summit_dead_letters", f"Dead letters kept, at most {COUNTED} are counted")


async def measure(pool: Pool) -> None:
    DEPTH.set(await pool.fetchval(f"SELECT count(*) FROM (SELECT 1 FROM dead_letters LIMIT {COUNTED}) AS counted"))


async def keep_measuring(pool: Pool, health: HealthMonitor) -> None:
    while True:
        await measure(pool)
        health.beat(TIMER)
        await asyncio.sleep(LOOK_EVERY_S)
