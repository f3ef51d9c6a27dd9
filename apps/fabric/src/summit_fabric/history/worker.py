"""The loops of the past: the recorder of the world stream, and the keeper of its partitions."""

import asyncio
from datetime import datetime
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter
from summit_core.bus import Delivery
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor

from summit_fabric.history.store import HistoryStore
from summit_fabric.history.version import Version, read
from summit_fabric.rows import storable

log = structlog.get_logger(__name__)

UPKEEP: Final = "fabric-history-upkeep"
UPKEEP_EVERY_S: Final = 10.0
UNREADABLE = Counter("summit_unreadable_versions_total", "World events that could not be read, and are not recorded")


class WorldRecorder:
    """From the world stream to the store; acknowledged only after the commit."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store
        self._last: Delivery | None = None

    def has(self, wanted: datetime | int) -> bool:
        """Whether everything up to this time or sequence is recorded, as far as this process can tell."""
        if self._last is None:
            return False
        return wanted <= self._last.seq if isinstance(wanted, int) else wanted <= self._last.timestamp

    async def handle(self, deliveries: list[Delivery]) -> None:
        versions: list[Version] = []
        for delivery in deliveries:
            try:
                versions.append(read(delivery, storable(delivery.data)))
            except msgspec.DecodeError as error:
                UNREADABLE.inc()
                log.warning(
                    "unreadable world event skipped", subject=delivery.subject, seq=delivery.seq, error=str(error)
                )
        await self._store.remember(versions)
        self._last = deliveries[-1]


async def keep_up(store: HistoryStore, days: int, clock: Clock, health: HealthMonitor) -> None:
    """Partitions ahead of need, and none past retention."""
    while True:
        gone = await store.keep_up(clock.now(), days)
        if gone:
            log.info("history past retention dropped", partitions=gone, days=days)
        health.beat(UPKEEP)
        await asyncio.sleep(UPKEEP_EVERY_S)
