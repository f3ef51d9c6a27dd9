"""The wiring of the audit."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from summit_core.audit.trail import LOOP, Trail
from summit_core.bus import Bus, Mirror, consume
from summit_core.bus.streams import AUDIT
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor
from summit_core.security.nkey import AccountKey
from summit_core.store import Pool

from summit_fabric.audit.endpoints import Audit
from summit_fabric.audit.gather import Handovers
from summit_fabric.audit.service import NO_KEY, AuditService
from summit_fabric.audit.store import AuditStore
from summit_fabric.audit.worker import RECORDER, WATCH, AuditRecorder, Watch
from summit_fabric.settings import FabricSettings
from summit_fabric.silence import Silence

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.03
Loops = dict[str, Callable[[], Awaitable[None]]]


def build_audit(
    settings: FabricSettings,
    bus: Bus,
    pool: Pool,
    reads: Pool,
    mirror: Mirror,
    silence: Silence,
    trail: Trail,
    clock: Clock,
    health: HealthMonitor,
) -> tuple[Audit, Loops]:
    """The audit and its loops; ``trail`` is what fabric itself writes to it, ``reads`` are on behalf of
    callers."""
    seed = settings.audit_seed
    key = None if seed is None else AccountKey(seed.get_secret_value())
    if key is None:
        log.warning(NO_KEY)
    store = AuditStore(pool)
    recorder, watch = AuditRecorder(store), Watch(store, key, clock, settings.audit_days)
    service = AuditService(store, key, clock)

    async def record() -> None:
        await bus.ensure_streams()
        await consume(bus, AUDIT, RECORDER, recorder.handle, health, batch=1000, gather_s=GATHER_S)

    audit = Audit(service, Handovers(reads, store, service, mirror, silence, clock), clock)
    return audit, {RECORDER: record, WATCH: lambda: watch.run(health), LOOP: lambda: trail.run(health)}
