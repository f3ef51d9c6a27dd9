"""A day in small: ten minutes at 1,000 observations a second. Memory stays, streams and tables are bounded.

make soak                       (ten minutes after three minutes of warm-up)
make soak ARGS="--seconds 60"   (a short look)
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import asyncpg
import nats
import pytest
from console import Console
from devices import Fleet
from flight import Flight
from report import keep, machine
from system import Processes, growth

DEVICES = 500
SAMPLES = 40
GROWTH = 1.05
DRAINED_S = 30.0
ENOUGH_FOR_MEMORY_S = 300.0
SIZE = """SELECT sum(pg_total_relation_size(part)) FROM
    (SELECT relid AS part FROM pg_partition_tree($1::text::regclass) UNION SELECT $1::text::regclass) AS parts"""


class Bounds:
    """What limits the streams and the tables, and how full they are."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self._endpoints = endpoints

    async def streams(self) -> dict[str, dict[str, Any]]:
        client = await nats.connect(self._endpoints["nats"])
        found = {}
        for info in await client.jetstream().streams_info():
            if not str(info.config.name).startswith("$"):
                limit, hours = info.config.max_bytes or -1, (info.config.max_age or 0) / 3600
                found[str(info.config.name)] = {"bytes": info.state.bytes, "max_bytes": limit, "max_age_h": hours}
        await client.close()
        return found

    async def tables(self) -> dict[str, dict[str, Any]]:
        """Rows of each table; ``by_day`` when it is partitioned, so that what is past retention can be dropped."""
        connection = await asyncpg.connect(self._endpoints["postgres"])
        names = await connection.fetch(
            "SELECT relname, relkind = 'p' AS by_day FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        found = {}
        for name, by_day in names:
            rows = await connection.fetchval(f'SELECT count(*) FROM "{name}"')
            size = int(await connection.fetchval(SIZE, name))
            found[name] = {"rows": rows, "bytes": size, "by_day": by_day}
        await connection.close()
        return found


async def samples(processes: Processes, seconds: float, eventually: Any) -> list[dict[str, float]]:
    """What each program has made itself, ``SAMPLES`` times over so many seconds."""
    taken, start = [], time.monotonic()
    for number in range(SAMPLES):
        due = start + seconds * (number + 1) / SAMPLES
        await eventually(is_past(due), within_s=seconds + 60, what="time to look")
        taken.append(await asyncio.to_thread(processes.own_mb))
    return taken


def is_past(moment: float) -> Callable[[], Any]:
    async def ask() -> bool:
        return time.monotonic() >= moment

    return ask


@pytest.mark.timeout(1800)
async def test_nothing_grows_but_what_is_kept(
    system: Any, api: Any, eventually: Any, request: pytest.FixtureRequest
) -> None:
    seconds, rate = request.config.getoption("--seconds"), request.config.getoption("--rate")
    warm_up = request.config.getoption("--warm-up")
    facts, processes, bounds = machine(), Processes(system.state_dir, system.pid), Bounds(system.endpoints)
    fleet = Fleet(DEVICES, "soak")
    flight = await asyncio.to_thread(Flight, system.endpoints["mqtt"], fleet, rate, warm_up + seconds, probes_a_s=0.0)
    with closing(Console(system.endpoints["gateway"], system.key, quiet=True)), closing(flight):
        started = processes.roots()
        flight.begin()
        await eventually(is_past(time.monotonic() + warm_up), within_s=warm_up + 5, what="warm-up")
        tables_before = await bounds.tables()
        taken = await samples(processes, seconds, eventually)
        sent = await asyncio.to_thread(flight.pipe.recv)

        async def stored() -> bool:
            return int((await bounds.tables())["observations"]["rows"]) >= len(sent)

        await eventually(stored, within_s=DRAINED_S, what=f"{len(sent)} rows")
    streams, tables = await bounds.streams(), await bounds.tables()
    accounts = [await api.get(f"/v1/sources/{device}") for device in fleet.devices]
    totals = {name: sum(one[name] for one in accounts) for name in ("received", "stored", "duplicate", "rejected")}
    grown = {name for name, table in tables.items() if table["rows"] > tables_before[name]["rows"]}
    figures = {
        "machine": facts, "seconds": seconds, "rate": rate, "sent": len(sent), "accounts": totals,
        "gaps": sum(one["gaps"] for one in accounts), "growth": growth(taken), "growth_bar": GROWTH,
        "memory_mb": {"first": taken[0], "last": taken[-1]}, "streams": streams,
        "tables": {name: tables[name] for name in sorted(grown)},
    }  # fmt: skip
    print(json.dumps(figures))
    if seconds >= ENOUGH_FOR_MEMORY_S:
        keep("soak", figures)
    assert processes.roots() == started, "a process was started again"
    assert totals["received"] == totals["stored"] == tables["observations"]["rows"] == len(sent)
    assert figures["gaps"] == totals["duplicate"] == totals["rejected"] == 0
    assert all(stream["max_bytes"] > 0 for stream in streams.values()), f"a stream without a limit: {streams}"
    endless = {name for name in grown if not tables[name]["by_day"]}
    assert not endless, f"these tables grow with time and are not kept by day: {endless}"
    if seconds >= ENOUGH_FOR_MEMORY_S:
        assert max(figures["growth"].values()) <= GROWTH, f"memory grew: {figures['growth']}"
