"""The wiring of the gateway: the only place, with ``__main__``, that builds concrete adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware
from summit_core.audit.trail import LOOP as AUDIT
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror
from summit_core.bus.owners import Owners
from summit_core.clock import SystemClock
from summit_core.errors import UnavailableError
from summit_core.http.app import create_app
from summit_core.http.client import Upstream, create_session
from summit_core.http.limits.address import TrustedProxies
from summit_core.http.limits.bounds import BoundsMiddleware
from summit_core.http.limits.limiter import Limiter
from summit_core.http.limits.middleware import LimitsMiddleware
from summit_core.observability.health import HealthMonitor
from summit_core.security.tls import client_context
from summit_core.settings import revealed
from summit_core.store import Pool, check_pool, create_pool
from summit_core.store.revision import check_revision
from summit_core.supervise import end, supervise

from summit_gateway.audit.middleware import AuditMiddleware
from summit_gateway.console.endpoints import console_router
from summit_gateway.console.files import ConsoleFiles
from summit_gateway.deadlines import DEADLINES, URGENT
from summit_gateway.guard import guard
from summit_gateway.idempotency.middleware import IdempotencyMiddleware
from summit_gateway.idempotency.service import KEPT_S, LEASE_S, Idempotency
from summit_gateway.idempotency.store import IdempotencyStore
from summit_gateway.identity import Identity, IdentityMiddleware
from summit_gateway.ingest.endpoints import ingest_router
from summit_gateway.ingest.service import Ingest
from summit_gateway.keys.endpoints import keys_router
from summit_gateway.keys.first import ensure_first_key
from summit_gateway.keys.service import KeyService
from summit_gateway.keys.store import KeyStore
from summit_gateway.limits.middleware import AttemptsMiddleware
from summit_gateway.limits.service import Limiting
from summit_gateway.oidc.issuer import Issuer, fetcher
from summit_gateway.oidc.service import Claims, OidcService
from summit_gateway.openapi import complete
from summit_gateway.organisations.endpoints import organisations_router
from summit_gateway.organisations.service import OrganisationService
from summit_gateway.organisations.store import OrganisationStore
from summit_gateway.passkeys.ceremony import RelyingParty
from summit_gateway.passkeys.challenge import Challenges
from summit_gateway.passkeys.endpoints import passkeys_router
from summit_gateway.passkeys.service import PasskeyService
from summit_gateway.passkeys.store import PasskeyStore
from summit_gateway.past.endpoints import past_router
from summit_gateway.picture.endpoints import picture_router
from summit_gateway.services import Services
from summit_gateway.sessions.endpoints import sessions_router
from summit_gateway.sessions.service import SessionService
from summit_gateway.sessions.store import SessionStore
from summit_gateway.sessions.token import AccessTokens
from summit_gateway.settings import GatewaySettings
from summit_gateway.stream.endpoints import stream_router
from summit_gateway.stream.hub import Hub
from summit_gateway.stream.service import feed
from summit_gateway.upstream.endpoints import upstream_router
from summit_gateway.upstream.service import Upstreams
from summit_gateway.users.endpoints import users_router
from summit_gateway.users.passwords import Passwords
from summit_gateway.users.service import UserService
from summit_gateway.users.store import UserStore
from summit_gateway.users.totp import Seal

if TYPE_CHECKING:
    from summit_core.http.limits.shared import SharedCounts

SERVICE = "api-gateway"
FIRST_KEY = "first-key"
Loops = dict[str, Callable[[], Awaitable[None]]]


def build_app(settings: GatewaySettings) -> FastAPI:
    services = Services()
    services.health = HealthMonitor()
    services.clock = SystemClock()
    services.hub = Hub(services.clock)
    shared = _shared_counts(settings)
    services.limits = Limiting(settings.limits, TrustedProxies(settings.trusted_proxies), Limiter(shared))
    services.health.notes["limits"] = services.limits.note

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if shared is not None:
                stack.push_async_callback(shared.close)
            await _start(services, settings, stack)
            yield

    app = create_app(
        SERVICE,
        title="Summit OS gateway",
        health=services.health,
        routers=_routers(services, settings),
        lifespan=lifespan,
        cors_origins=settings.cors_origins,
        deadlines=DEADLINES,
        urgent=URGENT,
        at_once=settings.requests_at_once,
        middleware=[
            Middleware(BoundsMiddleware),
            Middleware(AttemptsMiddleware, limits=services.limits),
            Middleware(IdentityMiddleware, services=services),
            Middleware(AuditMiddleware, services=services),
            Middleware(LimitsMiddleware, rules=services.limits.rules),
            Middleware(IdempotencyMiddleware, services=services),
        ],
        dependencies=[Depends(guard)],
    )
    app.state.services = services
    app.state.before_stop = lambda: services.hub.end_all(UnavailableError("the gateway stops; connect again"))
    complete(app)
    app.mount("/", ConsoleFiles(settings.console_dir, app), name="console")
    return app


def _routers(services: Services, settings: GatewaySettings) -> list[APIRouter]:
    return [
        sessions_router(services),
        passkeys_router(services),
        users_router(services),
        keys_router(services),
        organisations_router(services),
        ingest_router(services),
        upstream_router(services),
        past_router(services),
        picture_router(services),
        stream_router(services),
        console_router(settings),
    ]


async def _start(services: Services, settings: GatewaySettings, stack: AsyncExitStack) -> None:
    """Connect, and start the loops; everything is stopped in the reverse order."""
    health, clock = services.health, services.clock
    tls = client_context(settings)
    services.bus = bus = await Bus.connect(settings.nats_url.get_secret_value(), name=SERVICE, tls=tls)
    stack.push_async_callback(bus.close)
    services.trail = Trail(bus, clock)
    stack.push_async_callback(services.trail.close)
    pool = await create_pool(settings.database_url.get_secret_value(), name=SERVICE)
    stack.callback(pool.terminate)
    session = await stack.enter_async_context(create_session(tls))

    store = KeyStore(pool)
    loops = await _identify(services, settings, pool, stack)
    services.organisations = OrganisationService(OrganisationStore(pool), services.keys, clock)
    services.idempotency = Idempotency(IdempotencyStore(pool, lease_s=LEASE_S, kept_s=KEPT_S))
    behind = {name: Upstream(name, url, session) for name, url in _urls(settings).items()}
    services.upstreams = Upstreams(behind, settings.service_key.get_secret_value())
    services.mirror = Mirror(bus, health, gather_s=0.0)  # its frames are what people see
    services.ingest = Ingest(bus, clock, Owners(services.mirror))
    feed(services.hub, services.mirror, clock)
    health.checks |= {
        "nats": bus.check,
        "postgres": lambda: _check_database(pool),
        "picture": lambda: _check_picture(services.mirror),
    }

    async def first_key() -> None:
        await ensure_first_key(store, settings.admin_key_file, clock)
        health.loops.pop(FIRST_KEY, None)  # done once and for all: nothing that has to beat

    async def follow() -> None:
        await bus.ensure_streams()
        await services.mirror.run()

    loops |= {
        FIRST_KEY: first_key,
        "mirror": follow,
        "idempotency": lambda: services.idempotency.run(health),
        AUDIT: lambda: services.trail.run(health),
    }
    for name, run in loops.items():
        task = asyncio.create_task(supervise(name, run, health), name=name)
        stack.push_async_callback(end, task)
    health.expect(FIRST_KEY)


async def _identify(services: Services, settings: GatewaySettings, pool: Pool, stack: AsyncExitStack) -> Loops:
    """Everything that finds out who calls, and the loops that keep it in step with what others change."""
    clock, health = services.clock, services.health
    secret, previous = settings.session_secret.get_secret_value(), revealed(settings.session_secret_previous)
    passwords = Passwords()
    stack.callback(passwords.close)
    services.keys = keys = KeyService(KeyStore(pool), clock)
    services.users = users = UserService(UserStore(pool), passwords, Seal(secret, previous), clock)
    party = RelyingParty.of(settings.passkey_origins, settings.passkey_rp_id) if settings.passkey_origins else None
    services.passkeys = PasskeyService(PasskeyStore(pool), party, Challenges(secret, clock), clock)
    services.sessions = SessionService(SessionStore(pool), keys, AccessTokens(secret, clock, previous), clock)
    loops: Loops = {"keys": lambda: keys.run(health)}

    async def sessions() -> None:
        await users.reseal()
        await services.sessions.run(health)

    loops["sessions"] = sessions
    oidc = None
    if settings.oidc_issuer is not None and settings.oidc_audience is not None:
        abroad = await stack.enter_async_context(create_session())  # it trusts the machine's authorities, not ours
        issuer = Issuer(settings.oidc_issuer, fetcher(abroad), clock)
        loops["oidc"] = lambda: issuer.run(health)
        claims = (settings.oidc_role_claim, settings.oidc_organisation_claim, settings.oidc_roles)
        oidc = OidcService(issuer, Claims(settings.oidc_audience, *claims))
    services.identity = Identity(keys, services.sessions, oidc, clock, settings.cors_origins)
    return loops


async def _check_database(pool: Pool) -> str | None:
    return await check_pool(pool) or await check_revision(pool)


async def _check_picture(mirror: Mirror) -> str | None:
    return None if mirror.ready.is_set() else "the picture is still being loaded"


def _shared_counts(settings: GatewaySettings) -> "SharedCounts | None":
    if settings.limits_url is None:
        return None
    from summit_core.http.limits.shared import SharedCounts  # noqa: PLC0415  (the client of Redis takes 20 MB)

    return SharedCounts(settings.limits_url.get_secret_value())


def _urls(settings: GatewaySettings) -> dict[str, str]:
    return {"fabric": settings.fabric_url, "intelligence": settings.intelligence_url, "tasking": settings.tasking_url}
