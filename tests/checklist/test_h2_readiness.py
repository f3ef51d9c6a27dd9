"""H2: what a service says of its readiness, to anybody who asks, names no host, port, person, password or file."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from summit_core.bus.thin import Connection
from summit_core.http.app import create_app
from summit_core.observability import health as monitor
from summit_core.observability.health import HealthMonitor
from summit_core.store import check_pool, create_pool
from summit_core.supervise import running
from waiting import eventually

INSIDE = re.compile(r"127\.0\.0\.1|\b[0-9]{4,5}\b|summit@|\bcanary\b|/etc/|://", re.IGNORECASE)
Ask = Callable[..., Awaitable[Any]]


async def _dead_tcp() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def _unknown_host() -> None:
    await asyncio.open_connection("database.canary.invalid", 5432)


async def _wrong_password() -> None:
    raise asyncpg.InvalidPasswordError('password authentication failed for user "canary"')


async def _no_file() -> None:
    await asyncio.to_thread(Path("/etc/canary/secret").read_text)


async def _foreign() -> None:
    raise RuntimeError("GET http://fabric.canary:8101/v1/zones failed")


FAULTS = (_dead_tcp, _unknown_host, _wrong_password, _no_file, _foreign)


async def unready(asgi: Ask) -> str:
    """The answer of a service all of whose dependencies and loops fail, each in its own way."""
    health = HealthMonitor()
    pool = await create_pool("postgresql://summit:canary@127.0.0.1:1/summit", name="t")
    connection = Connection("nats://summit:canary@127.0.0.1:1", name="t")
    opening = asyncio.create_task(connection.open())
    health.checks |= {"postgres": lambda: check_pool(pool), "nats": connection.check, "tcp": _told_nothing(_dead_tcp)}
    health.notes["limits"] = _told_nothing(_unknown_host)
    app: FastAPI = create_app("t", title="t", health=health, routers=[], lifespan=_nothing, cors_origins="")
    try:
        with capture_logs() as lines:
            async with running({fault.__name__: fault for fault in FAULTS}, health):
                await eventually(lambda: "has not run yet" not in health.loop_problems().values())
                answer = await asgi(app, "GET", "/readyz")
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await connection.close()
        pool.terminate()
    assert "fabric.canary" in str(lines), "the log has what is not told"
    assert answer.status == 503
    assert set(answer.json()["reasons"]) == {"postgres", "nats", "tcp", *(fault.__name__ for fault in FAULTS)}
    return str(answer.body.decode())


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def _told_nothing(fails: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        await fails()
        return None

    return check


async def test_readiness_says_what_is_wrong_and_not_where(asgi: Ask) -> None:
    told = await unready(asgi)
    assert INSIDE.search(told) is None, told
    assert "ConnectionRefusedError: Connection refused" in told


async def test_the_check_is_red_when_an_error_is_told_in_its_own_words(
    asgi: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "outward", str)
    assert INSIDE.search(await unready(asgi)) is not None
