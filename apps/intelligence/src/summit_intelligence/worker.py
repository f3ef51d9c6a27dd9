"""The loops of intelligence: observations as they come, and judgement whenever the picture changes."""

import asyncio
from typing import Final

import msgspec
import structlog
from summit_core import wire
from summit_core.bus import Bus, Change, Delivery, Mirror, consume
from summit_core.bus.streams import OBSERVATIONS, VALIDATED_SUBJECT
from summit_core.bus.subjects import validated_everywhere
from summit_core.model import AnyObservation
from summit_core.observability.health import HealthMonitor
from summit_core.pace import changed

from summit_intelligence.service import Intelligence
from summit_intelligence.store import Store

log = structlog.get_logger(__name__)

OBSERVE: Final = "intelligence"
"""Also the name of the durable consumer."""
SUBJECTS: Final = (VALIDATED_SUBJECT, *validated_everywhere("measurement", "detection", "hotspot", "report"))
JUDGE: Final = "judgement"
LONGEST_PAUSE_S: Final = 1.0
SHORTEST_PAUSE_S: Final = 0.1


class Worker:
    """Judges when a hazard or a presence changes, at most ten times a second; for the rest at least once a second."""

    def __init__(self, bus: Bus, mirror: Mirror, store: Store, service: Intelligence, health: HealthMonitor) -> None:
        self._bus, self._mirror, self._store, self._service, self._health = bus, mirror, store, service, health
        self._changed = asyncio.Event()
        mirror.listen(self._notice)
        health.expect(OBSERVE)
        health.expect(JUDGE)

    async def observe(self) -> None:
        """Take in validated observations, each batch acknowledged once it is judged."""
        await self._mirror.ready.wait()
        await consume(self._bus, OBSERVATIONS, OBSERVE, self._take, self._health, subject=SUBJECTS)

    async def judge(self) -> None:
        """Follow the picture."""
        await self._mirror.ready.wait()
        while True:
            self._changed.clear()
            await self._service.judge()
            self._health.beat(JUDGE)
            await changed(self._changed, shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S)

    async def _take(self, deliveries: list[Delivery]) -> None:
        observations: list[AnyObservation] = []
        for delivery in deliveries:
            try:
                observations += wire.decode_batch(delivery.data)
            except msgspec.MsgspecError as error:  # not from fabric; one bad batch may not stop the others
                log.error("batch skipped", seq=delivery.seq, error=str(error))  # noqa: TRY400  (the trace says nothing)
        await self._service.observe(observations)

    def _notice(self, change: Change) -> None:
        event = change.event
        if event.type == "presences" or (event.type == "entities" and event.key in self._store.hazards):
            self._changed.set()
