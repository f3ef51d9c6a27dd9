"""What the endpoints work with. The lifespan fills it in, because most of it needs a running event loop."""

from summit_core.bus import Bus, Mirror
from summit_core.clock import Clock
from summit_core.errors import UnavailableError
from summit_core.observability.health import HealthMonitor

from summit_gateway.audit.action import HasTrail
from summit_gateway.idempotency.middleware import HasIdempotency
from summit_gateway.idempotency.service import Idempotency
from summit_gateway.identity import HasIdentity, Identity
from summit_gateway.ingest.service import Ingest
from summit_gateway.keys.service import KeyService
from summit_gateway.limits.service import Limiting
from summit_gateway.organisations.service import OrganisationService
from summit_gateway.passkeys.service import PasskeyService
from summit_gateway.sessions.service import SessionService
from summit_gateway.stream.hub import Hub
from summit_gateway.upstream.service import Upstreams
from summit_gateway.users.service import UserService


class Services(HasIdentity, HasIdempotency, HasTrail):
    """One of each, for one process."""

    bus: Bus
    clock: Clock
    health: HealthMonitor
    hub: Hub
    idempotency: Idempotency
    identity: Identity
    ingest: Ingest
    keys: KeyService
    limits: Limiting
    mirror: Mirror
    organisations: OrganisationService
    passkeys: PasskeyService
    sessions: SessionService
    upstreams: Upstreams
    users: UserService

    def picture(self) -> Mirror:
        """The live picture; raises :class:`UnavailableError` until all of it has been taken in."""
        if not self.mirror.ready.is_set():
            raise UnavailableError("the picture is still being loaded; try again", retry_after_s=1)
        return self.mirror
