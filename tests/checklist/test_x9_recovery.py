"""X9: PostgreSQL is killed under load. While it is away readers are told to come back; no answer is a 500, ever, and
the first ones after readiness is back succeed."""

import asyncio
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest
from summit_core.store import create_pool
from summit_core.store import pool as store

PATHS = ("/v1/sources", "/v1/observations?limit=5", "/v1/dead-letters?limit=5", "/v1/keys")


def wrong(statuses: Counter[int], after: list[int]) -> str:
    """What is wrong with the answers; empty when nothing is."""
    if statuses[500]:
        return f"{statuses[500]} of {statuses.total()} answers were 500"
    if any(status != 200 for status in after):
        return f"once ready, the first answers were {after}"
    return ""


def postmaster(stack: Any) -> int:
    noted = json.loads((stack.state_dir / "processes.json").read_text())
    return next(int(one["pid"]) for one in noted if one["name"] == "postgres")


def ready(stack: Any, service: str) -> bool:
    try:
        with urllib.request.urlopen(f"{stack.services[service]}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


def test_no_reader_sees_that_postgresql_died(stack: Any) -> None:
    assert [stack.ask("GET", path)[0] for path in PATHS] == [200] * len(PATHS)
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def load(path: str) -> None:
        while not stop.is_set():
            statuses[stack.ask("GET", path)[0]] += 1

    readers = [threading.Thread(target=load, args=(path,)) for path in PATHS]
    for one in readers:
        one.start()
    try:
        stack.until(lambda: statuses[200] > 50, within_s=20, what="the load")
        os.kill(postmaster(stack), signal.SIGKILL)
        stack.until(lambda: statuses[503] > 0, within_s=20, what="an answer that says that the database is away")
        for service in ("api-gateway", "fabric"):
            stack.until(lambda: ready(stack, service), within_s=60, what=f"{service} ready again")  # noqa: B023
    finally:
        stop.set()
        for one in readers:
            one.join()
    after = [stack.ask("GET", path)[0] for path in PATHS]
    print(f"X9: {statuses.total()} answers: {dict(statuses)}")
    assert wrong(statuses, after) == ""


@pytest.mark.planted("a 500 among the answers, and a 503 once it is ready")
def test_an_error_after_the_outage_is_noticed() -> None:
    assert wrong(Counter({200: 900, 503: 20, 500: 1}), [200]) == "1 of 921 answers were 500"
    assert "503" in wrong(Counter({200: 900}), [200, 503])


async def drop_all(url: str) -> None:
    killer = await asyncpg.connect(url)
    await killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'x9'")
    await killer.close()


async def first_after_a_restart(pool: Any, url: str) -> str:
    """What the first question says once the database has dropped every connection; empty for an answer."""
    await pool.fetchval("SELECT 1")
    with (
        ThreadPoolExecutor() as other
    ):  # our own loop stands meanwhile, so it has heard nothing when the question comes
        other.submit(asyncio.run, drop_all(url)).result()
    try:
        await pool.fetchval("SELECT 1")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return type(error).__name__
    return ""


@pytest.mark.planted("a pool that gives out connections unchecked: the first request after a restart fails")
async def test_connections_that_nobody_checks_are_noticed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "GOOD_FOR_S", 0.0)  # for a tenth of a second it would believe the connection
    ours = await create_pool(database_url, name="x9")
    named = {"application_name": "x9"}
    naive = await asyncpg.create_pool(database_url, min_size=1, max_size=1, server_settings=named)
    try:
        assert await first_after_a_restart(ours, database_url) == ""
        assert await first_after_a_restart(naive, database_url) != ""
    finally:
        ours.terminate()
        naive.terminate()
