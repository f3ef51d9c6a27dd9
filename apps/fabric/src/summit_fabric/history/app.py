"""The wiring of the past."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from summit_core.bus import Bus, consume
from summit_core.bus.streams import WORLD
from summit_core.clock import Clock
from summit_core.errors import InputError, UnavailableError
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool

from summit_fabric.history.archive import Archive
from summit_fabric.history.bundles import Bundles
from summit_fabric.history.recorded import Recorded
from summit_fabric.history.service import HistoryService
from summit_fabric.history.store import HistoryStore
from summit_fabric.history.worker import UPKEEP, WorldRecorder, keep_up
from summit_fabric.queries import Queries

RECORDER: Final = "fabric-world"
REACH_WITHIN_S: Final = 2.0
GATHER_S: Final = 0.1
"""A transaction for each version would cost more than all else."""
Loops = dict[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class History:
    """What the endpoints work with."""

    service: HistoryService
    recorded: Recorded
    bundles: Bundles
    archive: Archive
    clock: Clock


def build_history(
    bus: Bus, pool: Pool, reads: Pool, clock: Clock, health: HealthMonitor, *, days: int
) -> tuple[History, Loops]:
    """The past and its loops; ``days``: how long versions of entities are kept. ``reads``: on behalf of callers."""
    store = HistoryStore(pool)
    recorder = WorldRecorder(store)

    async def record() -> None:
        await bus.ensure_streams()
        await consume(bus, WORLD, RECORDER, recorder.handle, health, gather_s=GATHER_S)

    service = HistoryService(clock, days, reach(bus, recorder))
    history = History(service, Recorded(reads), Bundles(pool, reads, clock), Archive(reads, Queries(reads)), clock)
    return history, {RECORDER: record, UPKEEP: lambda: keep_up(store, days, clock, health)}


def reach(bus: Bus, recorder: WorldRecorder) -> Callable[[datetime | int], Awaitable[None]]:
    """Waits until everything up to a time or a sequence is recorded."""

    async def wait(wanted: datetime | int) -> None:
        """Raises :class:`UnavailableError` when the record is behind, :class:`InputError` for a sequence to come."""
        try:
            async with asyncio.timeout(REACH_WITHIN_S):
                while not recorder.has(wanted):
                    info = await bus.jetstream.consumer_info(WORLD, RECORDER)
                    if not info.num_pending and not info.num_ack_pending:
                        break
                    await asyncio.sleep(0.02)
                else:
                    return
                last = (await bus.jetstream.stream_info(WORLD)).state.last_seq
        except (NatsError, JetStreamError, OSError, TimeoutError):
            raise UnavailableError("the record is behind the stream; try again", retry_after_s=1) from None
        if isinstance(wanted, int) and wanted > last:
            raise InputError(f"as_of: the world is at sequence {last}; send that or an earlier one", field="as_of")

    return wait
