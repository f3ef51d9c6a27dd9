"""What the tests of the bus share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol

from summit_core.bus import Bus
from summit_core.model import Entity
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end, supervise
from waiting import eventually

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Server(Protocol):
    port: int
    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...


def entity(identifier: str, label: str = "") -> Entity:
    return Entity(id=identifier, kind="asset", owner="test", observed_at=NOW, heard_at=NOW, updated_at=NOW, label=label)


async def all_acknowledged(bus: Bus, stream: str, durable: str) -> None:
    async def done() -> bool:
        return not (await bus.jetstream.consumer_info(stream, durable)).num_ack_pending

    await eventually(done)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(url, name="test")
    try:
        await bus.ensure_streams()
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def running(name: str, run: Callable[[], Awaitable[None]], health: HealthMonitor) -> AsyncIterator[None]:
    task = asyncio.create_task(supervise(name, run, health))
    try:
        yield
    finally:
        await end(task)
