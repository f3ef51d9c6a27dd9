"""Wiring of zones: the service, and the loops that follow the world stream."""

from collections.abc import Awaitable, Callable

from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import WORLD
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool

from summit_fabric.entities import OWNER
from summit_fabric.zones.service import ZoneService
from summit_fabric.zones.store import RECORDER, SUBJECT, CrossingStore
from summit_fabric.zones.worker import TIMER, WATCHER, ZoneWorker

Loops = dict[str, Callable[[], Awaitable[None]]]


def build_zones(
    bus: Bus, pool: Pool, reads: Pool, mirror: Mirror, clock: Clock, health: HealthMonitor
) -> tuple[ZoneService, Loops]:
    """The service, and loops by name. ``reads``: on behalf of callers."""
    writer, crossings = WorldWriter(bus, OWNER), CrossingStore(pool, reads)
    worker = ZoneWorker(bus, mirror, writer, clock, health)

    async def record() -> None:
        await bus.ensure_streams()
        await consume(bus, WORLD, RECORDER, crossings.record, health, subject=SUBJECT)

    loops: Loops = {WATCHER: worker.run, TIMER: worker.keep_time, RECORDER: record}
    return ZoneService(writer, mirror, crossings, clock), loops
