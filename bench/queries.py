"""Queries over 5 million observations and the history of 5,000 entities, through the public HTTP interface.

One day, 10 by 10 degrees. Box and hour: what 1,000 sources sent from half a degree by half a degree; latest: the last
observation of one source; trail: a whole day of one entity; picture: all 5,000 entities as they were known at a moment.
Every statement that the database executed for them is explained: it must use the index made for it, and read no large
table as a whole.

    python bench/queries.py [--observations 5000000] [--entities 5000] [--requests 100]
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import filling
import plans
import report
from report import Bar
from system import System, running

DAY = timedelta(days=1)
VERSION_EVERY = timedelta(minutes=5)
BOX_DEG = 0.5
INTENDED = {
    "box_hour": ("h3_t_idx", "pkey"),
    "latest": ("source_t_idx",),
    "trail": ("key_stored_at_seq_idx",),
    "picture": ("key_stored_at_seq_idx", "pkey", "seq_idx"),
}
"""How the names of the indexes end that may serve the large tables; a partition's index has its columns in its name."""
BARS = (*(Bar(f"queries.{name}.p95_ms", 0.0, 100.0) for name in INTENDED), Bar("wrong_plans", 0, 0))
Ask = Callable[[], tuple[str, dict[str, str]]]


def asks(day: datetime, entities: int, dice: random.Random) -> dict[str, Ask]:
    """For each query a maker of path and parameters, each time for another place, time or thing."""

    def moment(low: timedelta, high: timedelta) -> str:
        return (day + low + (high - low) * dice.random()).isoformat()

    def box_hour() -> tuple[str, dict[str, str]]:
        west = filling.WEST + dice.random() * (filling.SIDE_DEG - BOX_DEG)
        south = filling.SOUTH + dice.random() * (filling.SIDE_DEG - BOX_DEG)
        since = day + timedelta(hours=dice.randrange(23), minutes=dice.randrange(60))
        box = f"{west:.4f},{south:.4f},{west + BOX_DEG:.4f},{south + BOX_DEG:.4f}"
        until = (since + timedelta(hours=1)).isoformat()
        return "/v1/export", {
            "bbox": box, "since": since.isoformat(), "until": until, "types": "observations", "format": "ndjson"
        }  # fmt: skip

    def latest() -> tuple[str, dict[str, str]]:
        return "/v1/observations", {"source": f"unit-{dice.randrange(filling.SOURCES):04d}", "limit": "1"}

    def trail() -> tuple[str, dict[str, str]]:
        path = f"/v1/entities/asset-{dice.randrange(entities):04d}/trail"
        return path, {"since": day.isoformat(), "until": (day + DAY).isoformat()}

    def picture() -> tuple[str, dict[str, str]]:
        return "/v1/stream", {"as_of": moment(VERSION_EVERY * 2, DAY), "types": "entities"}

    return {"box_hour": box_hour, "latest": latest, "trail": trail, "picture": picture}


class Client:
    """Asks as a console would, and looks into the answers far enough to know that they are not empty."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def ask(self, path: str, parameters: dict[str, str]) -> tuple[float, bytes]:
        """Seconds until the last byte, and the answer."""
        headers = {"Accept": "text/event-stream"} if path == "/v1/stream" else {}
        started = time.perf_counter()
        async with self._session.get(self._base + path, params=parameters, headers=headers) as response:
            body = await response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} {parameters}: {response.status} {body[:300]!r}")
        return time.perf_counter() - started, body


def things_in(name: str, body: bytes) -> int:
    """How many things an answer tells of."""
    marks = {"box_hour": b"\n", "latest": b'"observed_at"', "trail": b'"stored_at"', "picture": b'"upsert"'}
    return body.count(marks[name])


async def fill(connection: asyncpg.Connection, day: datetime, observations: int, entities: int) -> dict[str, float]:
    started = time.monotonic()
    await filling.observations(connection, observations, day, day + DAY)
    await filling.entities(connection, entities, day, day + DAY, VERSION_EVERY)
    await filling.settle(connection, "observations", "entity_events", "entity_keys")
    size = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::text::regclass)"
    return {
        "observations": observations,
        "versions": await connection.fetchval("SELECT count(*) FROM entity_events"),
        "observations_gib": round(int(await connection.fetchval(size, "observations")) / 2**30, 2),
        "versions_gib": round(int(await connection.fetchval(size, "entity_events")) / 2**30, 2),
        "seconds": round(time.monotonic() - started, 1),
    }


async def check_plans(
    connection: asyncpg.Connection, system: System, client: Client, day: datetime, name: str, ask: Ask
) -> dict[str, list[str]]:
    """The indexes of the day's partitions that serve a query, and what is wrong with its plans."""
    large = tuple(f"{table}_{day:%Y%m%d}" for table in ("observations", "entity_events"))
    async with plans.logged(connection, system.state_dir / "logs" / "postgres.log") as statements:
        await client.ask(*ask())
    used: set[str] = set()
    wrong: list[str] = []
    for statement, values in statements:
        if not statement.lstrip().upper().startswith(("SELECT", "WITH")):
            continue
        plan = await plans.explain(connection, statement, values)
        indexes = {index for index in plan.indexes if index.startswith(large)}
        used |= indexes
        wrong += [f"reads all of {table}: {plan.statement}" for table in plan.whole_tables if table.startswith(large)]
        wrong += [f"uses {index}: {plan.statement}" for index in indexes if not index.endswith(INTENDED[name])]
    if not any(index.endswith(INTENDED[name][0]) for index in used):
        wrong.append(f"{name} does not use the index on {INTENDED[name][0]}, but {sorted(used)}")
    return {"indexes": sorted(used), "wrong": wrong}


async def measure(system: System, observations: int, entities: int, requests: int) -> dict[str, Any]:
    connection = await asyncpg.connect(system.endpoints["postgres"], command_timeout=3600)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY
    result: dict[str, Any] = {"filled": await fill(connection, day, observations, entities), "queries": {}}
    print(result, file=sys.stderr)
    headers = {"Authorization": f"Bearer {system.key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        client = Client(session, system.endpoints["gateway"])
        for name, ask in asks(day, entities, random.Random(1)).items():
            for _ in range(requests // 10 + 1):  # warm
                await client.ask(*ask())
            answers = [await client.ask(*ask()) for _ in range(requests)]
            milliseconds = sorted(1e3 * seconds for seconds, _ in answers)
            result["queries"][name] = {
                "p50_ms": round(statistics.median(milliseconds), 1),
                "p95_ms": round(milliseconds[len(milliseconds) * 95 // 100], 1),
                "things_median": statistics.median(things_in(name, body) for _, body in answers),
                "kib_median": round(statistics.median(len(body) for _, body in answers) / 1024, 1),
                **await check_plans(connection, system, client, day, name, ask),
            }
            print(name, result["queries"][name], file=sys.stderr)
    await connection.close()
    result["wrong_plans"] = sum(len(query["wrong"]) for query in result["queries"].values())
    return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--observations", type=int, default=5_000_000)
    parser.add_argument("--entities", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=100, help="of each query")
    options = parser.parse_args()
    facts = report.machine()
    with running() as system:
        figures = asyncio.run(measure(system, options.observations, options.entities, options.requests))
    return report.finish("queries", {"machine": facts} | figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
