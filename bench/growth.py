"""What an observation costs when 10 million are stored, against 100,000: two systems, rounds in turn, all processes.

Half of what is stored lies in today's partition, into which the rounds write, the other half in the four days before.

    python bench/growth.py [--stored 10000000] [--observations 40000] [--rounds 6]
"""

import argparse
import asyncio
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import filling
import report
from console import Console
from devices import Fleet
from pipeline import DEVICES, by_nats, pipeline_round
from report import Bar
from system import System, running

SMALL = 100_000
BARS = (Bar("cost_ratio", 0.0, 1.10),)


async def fill(system: System, count: int) -> dict[str, float]:
    """History up to a minute ago; returns how long it took and how large the table is."""
    started = time.monotonic()
    connection = await asyncpg.connect(system.endpoints["postgres"], command_timeout=3600)
    now = datetime.now(UTC) - timedelta(minutes=1)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    await filling.observations(connection, count // 2, today - timedelta(days=4), today)
    await filling.observations(connection, count - count // 2, today, now)
    await filling.settle(connection, "observations")
    size = await connection.fetchval("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('observations')")
    await connection.close()
    return {"rows": count, "seconds": round(time.monotonic() - started, 1), "gib": round(int(size) / 2**30, 2)}


async def measure(small: System, large: System, stored: int, observations: int, rounds: int) -> dict[str, Any]:
    filled = {"small": await fill(small, SMALL), "large": await fill(large, stored)}
    print(filled, file=sys.stderr)
    systems = {"small": small, "large": large}
    consoles = {name: Console(one.endpoints["gateway"], one.key) for name, one in systems.items()}
    fleets = {name: Fleet(DEVICES) for name in systems}
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
    for number in range(rounds + 1):
        for name, system in systems.items():
            burst = fleets[name].burst(observations)
            figures = await pipeline_round(system, consoles[name], by_nats, burst)
            print(number, name, figures, file=sys.stderr)
            if number:  # the first warms up
                taken[name].append(figures)
    for console in consoles.values():
        console.close()
    cost = {name: statistics.median(one["cpu_us"] for one in figures) for name, figures in taken.items()}
    return {
        "filled": filled,
        "cpu_us": cost,
        "cost_ratio": round(cost["large"] / cost["small"], 3),
        "postgres_cpu_us": {
            name: statistics.median(one["cpu_us_by_process"]["postgres"] for one in figures)
            for name, figures in taken.items()
        },
        "rounds": taken,
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=10_000_000)
    parser.add_argument("--observations", type=int, default=40_000, help="of one round")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    facts = report.machine()
    with running() as small, running() as large:
        figures = asyncio.run(measure(small, large, options.stored, options.observations, options.rounds))
    return report.finish("growth", {"machine": facts} | figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
