"""Writing to the audit: a record is durable in the stream ``AUDIT`` before whoever acts goes on."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from summit_core import wire
from summit_core.audit.record import AuditRecord
from summit_core.audit.repeats import Repeats
from summit_core.bus.bus import Bus
from summit_core.bus.publisher import Outgoing
from summit_core.bus.streams import AUDIT_SUBJECT
from summit_core.clock import Clock
from summit_core.errors import SummitError, UnavailableError
from summit_core.observability.health import HealthMonitor

log = structlog.get_logger(__name__)

LOOP: Final = "audit"
NOT_RECORDED: Final = "this cannot be recorded in the audit now, so it is not done; try again"
EVERY_S: Final = 1.0
WAITING_AT_MOST: Final = 20_000
DROPPED = Counter("summit_audit_dropped_total", "Audit records that could not be kept until the broker came back")
WAITING = Gauge("summit_audit_waiting", "Audit records that wait for the broker")


class Trail:
    """``write`` is for what must not happen unrecorded, ``later`` for what has happened already."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus, self._clock = bus, clock
        self._repeats = Repeats()
        self._waiting: deque[AuditRecord] = deque()

    async def write(self, record: AuditRecord) -> None:
        """Returns once the broker holds it. Raises :class:`UnavailableError`: then do not do it."""
        try:
            await self._bus.publish_many([_outgoing(record)])
        except SummitError as error:
            raise UnavailableError(NOT_RECORDED, retry_after_s=2) from error

    async def settle(self, record: AuditRecord) -> None:
        """Of what has happened: written now if the broker is there, else as soon as it is."""
        try:
            await self.write(record)
        except UnavailableError:
            self.later(record)

    def later(self, record: AuditRecord) -> None:
        """Written within a second or so, however long the broker is away."""
        if len(self._waiting) < WAITING_AT_MOST:
            self._waiting.append(record)
        else:
            DROPPED.inc(record.count)

    def repeated(self, record: AuditRecord) -> None:
        """Of what may come many times a second: like ones of a minute become one record with their number."""
        first = self._repeats.take(record)
        if first is not None:
            self.later(first)

    async def run(self, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``."""
        health.expect(LOOP)
        while True:
            await self.flush(self._repeats.due(self._clock.now()))
            health.beat(LOOP)
            await asyncio.sleep(EVERY_S)

    async def close(self) -> None:
        """Before the bus closes: what was counted and what waits."""
        try:
            await self.flush(self._repeats.due())
        except SummitError as error:
            log.warning("audit records could not be written at the end", records=len(self._waiting), why=error.detail)

    async def flush(self, more: Sequence[AuditRecord] = ()) -> None:
        """Write all that waits; raises when the broker does not take it, and keeps it."""
        for record in more:
            self.later(record)
        batch = list(self._waiting)
        await self._bus.publish_many(map(_outgoing, batch))
        for _ in batch:
            self._waiting.popleft()
        WAITING.set(len(self._waiting))


def _outgoing(record: AuditRecord) -> Outgoing:
    return Outgoing(f"{AUDIT_SUBJECT}.{record.organisation}", wire.encode(record.content()), record.id)
