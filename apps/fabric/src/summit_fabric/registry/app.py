"""The wiring of the registry. What the broker must be configured for (callout, system account, log) is optional, so
that fabric runs on any broker."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror, WorldWriter, consume
from summit_core.bus.streams import LINKS
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.store import Pool

from summit_fabric.entities import OWNER
from summit_fabric.registry import callout, connections, denied, links, service, sweep
from summit_fabric.registry.behind import Behind
from summit_fabric.registry.certificates import Certificates
from summit_fabric.registry.credentials import Credentials
from summit_fabric.registry.jwt import Issuer
from summit_fabric.registry.rights import Grants
from summit_fabric.registry.store import RegistryStore
from summit_fabric.registry.writer import RegistrationWriter
from summit_fabric.settings import FabricSettings

Loops = dict[str, Callable[[], Awaitable[None]]]
STATUS: Final = "fabric-registry-status"
LONGEST_UNWATCHED: Final = timedelta(hours=1)
"""A connection lasts so long where fabric cannot end it, so that a revocation holds after that time at the latest."""


def build_registry(
    settings: FabricSettings,
    bus: Bus,
    pool: Pool,
    mirror: Mirror,
    heard: Callable[[str], links.Heard],
    trail: Trail,
    clock: Clock,
    health: HealthMonitor,
) -> tuple[service.RegistryService, Loops]:
    """The registry and its loops. Call it before the mirror runs."""
    behind, store = Behind(mirror), RegistryStore(pool)
    credentials, grants = Credentials(store, clock), Grants(mirror, behind)
    demanded = settings.tls_cert_file is not None and settings.tls_devices == "required"
    certificates = Certificates(demanded=demanded, revoked=settings.tls_crl_file)
    writer = RegistrationWriter(mirror, WorldWriter(bus, OWNER), clock)
    registry = service.RegistryService(mirror, behind, writer, store, credentials, clock)
    watch = links.Links(mirror, behind, writer, heard, clock)

    async def statuses() -> None:
        await bus.ensure_streams()
        await consume(bus, LINKS, STATUS, watch.statuses, health)

    loops: Loops = {
        service.LOOP: lambda: registry.run(health),
        links.LOOP: lambda: watch.watch(health),
        STATUS: statuses,
    }
    if settings.nats_issuer_seed is not None:
        issuer = Issuer(settings.nats_issuer_seed.get_secret_value(), settings.nats_device_account)
        longest = None if settings.nats_system_url is not None else LONGEST_UNWATCHED
        answers = callout.Callout(bus, mirror, grants, credentials, certificates, issuer, trail, clock, longest)
        loops[callout.LOOP] = lambda: answers.run(health)
    if settings.nats_system_url is not None:
        system = connections.Connections(settings.nats_system_url.get_secret_value(), OWNER, client_context(settings))
        ending = sweep.Sweep(system, mirror, credentials, certificates, grants, clock)
        registry.changed = certificates.changed = ending.wake
        loops[sweep.LOOP] = lambda: ending.run(health)
    if settings.nats_log_file is not None:
        follower = denied.LogFollower(settings.nats_log_file, store, mirror, registry.show, clock)
        loops[denied.LOOP] = lambda: follower.run(health)
    return registry, loops
