"""Tokens of another issuer, over a real one: what is taken, what is refused, and what happens while it is away."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from issuer_harness import AUDIENCE, IssuerServer, forgeries, issuing
from summit_core.clock import ManualClock
from summit_core.errors import ForbiddenError, UnauthenticatedError, UnavailableError
from summit_core.model import Role
from summit_gateway.oidc.issuer import Issuer, fetcher, is_safe
from summit_gateway.oidc.service import Claims, OidcService

CLAIMS = Claims(AUDIENCE, "realm_access.roles", None, {})


@pytest.fixture
async def issuer() -> AsyncIterator[IssuerServer]:
    async with issuing() as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def _service(
    issuer: IssuerServer, http: aiohttp.ClientSession, clock: ManualClock | None = None, claims: Claims = CLAIMS
) -> OidcService:
    clock = clock or ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    return OidcService(Issuer(issuer.url, fetcher(http), clock), claims)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_good_token(issuer: IssuerServer, http: aiohttp.ClientSession, algorithm: str) -> None:
    issuer.add("b", algorithm)
    principal, until = await _service(issuer, http).verify(issuer.token("b"))
    assert (principal.id, principal.name, principal.role) == ("oidc:ann-1", "ann", Role.OPERATOR)
    assert until.timestamp() > time.time()


async def test_every_forgery_is_refused(issuer: IssuerServer, http: aiohttp.ClientSession) -> None:
    service = _service(issuer, http)
    assert await service.verify(issuer.token())
    let_in = []
    for what, token in forgeries(issuer).items():
        try:
            await service.verify(token)
        except UnauthenticatedError:
            continue
        let_in.append(what)
    assert let_in == []


async def test_the_roles_of_a_claim(issuer: IssuerServer, http: aiohttp.ClientSession) -> None:
    service = _service(issuer, http)
    principal, _ = await service.verify(issuer.token(realm_access={"roles": ["viewer", "commander"]}))
    assert principal.role is Role.COMMANDER
    for roles in (["root"], [], "device", ["service"], None, {"viewer": 1}, [["viewer"]]):
        with pytest.raises(ForbiddenError, match="names none of"):
            await service.verify(issuer.token(realm_access={"roles": roles}))
    mapped = Claims(AUDIENCE, "groups", "tenant", {"ops-lead": Role.COMMANDER})
    service = _service(issuer, http, claims=mapped)
    principal, _ = await service.verify(issuer.token(groups="ops-lead", tenant="north"))
    assert (principal.role, principal.organisation) == (Role.COMMANDER, "north")
    for tenant in (None, "", 7, "no spaces"):
        with pytest.raises(ForbiddenError, match="organisation"):
            await service.verify(issuer.token(groups=["ops-lead"], tenant=tenant))
    with pytest.raises(ForbiddenError):
        await service.verify(issuer.token(groups=["administrator"], tenant="north"))


async def test_new_keys_are_found_and_old_ones_go(issuer: IssuerServer, http: aiohttp.ClientSession) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    service = _service(issuer, http, clock)
    old = issuer.token()
    await service.verify(old)
    issuer.add("b")
    with pytest.raises(UnauthenticatedError):
        await service.verify(issuer.token("b"))  # asked a moment ago
    asked = issuer.asked
    for _ in range(20):
        with pytest.raises(UnauthenticatedError):
            await service.verify(issuer.token("a", header={"kid": "unknown"}))
    assert issuer.asked == asked
    clock.advance(11)
    del issuer.keys["a"]
    await service.verify(issuer.token("b"))
    with pytest.raises(UnauthenticatedError):
        await service.verify(old)


async def test_the_last_good_keys_hold_while_the_issuer_is_away(
    issuer: IssuerServer, http: aiohttp.ClientSession
) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    issuer.away = True
    service = _service(issuer, http, clock)
    with pytest.raises(UnavailableError):
        await service.verify(issuer.token())
    issuer.away = False
    clock.advance(11)
    await service.verify(issuer.token())
    issuer.away = True
    clock.advance(11)
    with pytest.raises(UnauthenticatedError):
        await service.verify(issuer.token(header={"kid": "new"}))
    await service.verify(issuer.token())


async def test_an_issuer_with_another_name_is_not_believed(issuer: IssuerServer, http: aiohttp.ClientSession) -> None:
    issuer.name = "https://elsewhere.example"
    with pytest.raises(UnavailableError):
        await _service(issuer, http).verify(issuer.token())


def test_only_https_or_loopback() -> None:
    assert is_safe("https://issuer.example/realm")
    assert is_safe("http://127.0.0.1:9000/realm")
    for address in ("http://issuer.example", "http://127.0.0.1:80@issuer.example/", "file:///etc/passwd", ""):
        assert not is_safe(address), address
