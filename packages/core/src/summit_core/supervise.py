"""The supervision point: the one place where any error of a long-running loop is caught, counted and survived."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from summit_core.errors import SummitError, outward
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import LOOP_FAILURES

log = structlog.get_logger(__name__)

CANCEL_AGAIN_S = 0.2


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], health: HealthMonitor, *, longest_s: float = 5.0
) -> None:
    """Run a loop for as long as the service lives; restart it with backoff when it fails.

    A failing loop makes the service not ready, with the reason, until the loop beats again.
    """
    health.expect(name)
    delay = 0.1
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await run()
            return
        except Exception as error:  # a loop must outlive every error, and say which one it was
            health.fail(name, outward(error))
            LOOP_FAILURES.labels(loop=name).inc()
            log.warning(
                "loop failed, it starts again",
                loop=name,
                error=str(error),
                kind=type(error).__name__,
                exc_info=not isinstance(error, SummitError | ConnectionError | TimeoutError),  # who is away says it all
            )
        if asyncio.get_running_loop().time() - started > 30.0:
            delay = 0.1
        await asyncio.sleep(delay)
        delay = min(longest_s, delay * 2)


@asynccontextmanager
async def running(loops: Mapping[str, Callable[[], Awaitable[None]]], health: HealthMonitor) -> AsyncIterator[None]:
    """Supervise loops side by side for as long as the context lasts."""
    tasks = [asyncio.create_task(supervise(name, run, health), name=name) for name, run in loops.items()]
    try:
        yield
    finally:
        await end(*tasks)


async def end(*loops: asyncio.Task[None]) -> None:
    """Cancel loops and wait until they have ended.

    Cancels again while one lives on: before Python 3.12 ``asyncio.wait_for``, which the NATS client waits with, may
    swallow a cancellation that arrives together with an answer.
    """
    pending = set(loops)
    while pending:
        for loop in pending:
            loop.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
