"""X1: forged credentials of every kind are refused with 401, on every route of the OpenAPI document and the stream."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from gateway_harness import Gateway, running
from issuer_harness import AUDIENCE, IssuerServer, forgeries, issuing
from summit_core.clock import SystemClock
from summit_core.http.limits.quota import Quota
from summit_gateway.access import ACCESS, Door
from summit_gateway.limits.settings import Limits
from summit_gateway.sessions.token import AccessTokens
from summit_gateway.settings import GatewaySettings

_QUOTAS = (name for name, field in Limits.model_fields.items() if isinstance(field.default, Quota))
UNLIMITED = Limits(**{name: Quota(10**6, 60) for name in _QUOTAS})
"""Here it is the credential that must be refused, not how often it is shown (H3)."""
PARAMETERS = ("key", "api_key", "token", "access_token", "authorization")
AT_ONCE = 16
Route = tuple[str, str]


def documented(page: dict[str, Any]) -> set[Route]:
    return {
        (method.upper(), path)
        for path, item in page["paths"].items()
        for method in item
        if ACCESS.get((method.upper(), path)) is not Door.OPEN
    }


def undeclared(app: FastAPI) -> set[Route]:
    """Routes of the document that no line of the table of access names: nobody has decided who may call them."""
    described = {(method.upper(), path) for path, item in app.openapi()["paths"].items() for method in item}
    return described - set(ACCESS)


def forged(gateway: Gateway, issuer: IssuerServer) -> dict[str, dict[str, dict[str, str]]]:
    """Headers or query of a request, by what is wrong with it."""
    key, good = gateway.admin_key, issuer.token()
    other_secret = AccessTokens("another secret of forty characters, at least", SystemClock()).issue("0" * 24)
    tokens = forgeries(issuer) | {
        "wrong secret": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "unknown key": "smt_" + "0" * 12 + "_" + "0" * 64,
        "cut key": key[:-1],
        "empty": "",
        "session of another secret": other_secret,
        "session without a signature": other_secret.partition(".")[0] + ".",
        "refresh token": "smr_" + "0" * 64,
    }
    tokens = {what: token for what, token in tokens.items() if token.isascii()}
    made: dict[str, dict[str, dict[str, str]]] = {"nothing at all": {}}
    made |= {what: {"headers": {"Authorization": f"Bearer {token}"}} for what, token in tokens.items()}
    made |= {f"in the query as {name}": {"params": {name: good}} for name in PARAMETERS}
    made |= {f"key in the query as {name}": {"params": {name: key}} for name in PARAMETERS}
    made["Basic"] = {"headers": {"Authorization": f"Basic {key}"}}
    made["no scheme"] = {"headers": {"Authorization": key}}
    made["key as a session cookie"] = {"headers": {"Cookie": f"summit_session={key}"}}
    made["issuer's token as a session cookie"] = {"headers": {"Cookie": f"summit_session={good}"}}
    made["forged session cookie"] = {"headers": {"Cookie": f"summit_session={other_secret}"}}
    return made


async def let_in(
    gateway: Gateway, routes: Iterable[Route], sent: dict[str, dict[str, dict[str, str]]]
) -> list[tuple[str, str, str, int]]:
    """What was answered otherwise than by 401."""
    turns = asyncio.Semaphore(AT_ONCE)
    bad: list[tuple[str, str, str, int]] = []

    async def ask(method: str, path: str, what: str, given: dict[str, Any]) -> None:
        url = gateway.url + re.sub(r"{[^}]+}", "0123456789ab", path)
        async with turns, gateway.http.request(method, url, **given) as response:
            await response.read()
            if response.status != 401 or "WWW-Authenticate" not in response.headers:
                bad.append((method, path, what, response.status))

    await asyncio.gather(*(ask(*route, what, given) for route in routes for what, given in sent.items()))
    return bad


@pytest.mark.planted("a good token among the forged ones: the same check finds that it is let in")
async def test_every_forgery_on_every_route(settings: GatewaySettings) -> None:
    async with issuing() as issuer:
        trusting = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_role_claim": "realm_access.roles"}
        async with running(settings.model_copy(update=trusting | {"limits": UNLIMITED})) as gateway:
            routes = documented(gateway.app.openapi())
            sent = forged(gateway, issuer)
            assert len(routes) > 40
            assert len(sent) > 40
            assert (await gateway.get("/v1/session", key=issuer.token()))[0] == 200  # the good one is let in
            assert await let_in(gateway, routes, sent) == []
            # planted: what is no forgery must be found by this very check
            good = {"good": {"headers": {"Authorization": f"Bearer {issuer.token()}"}}}
            assert await let_in(gateway, [("GET", "/v1/session")], good) != []
            assert await _streams_refused(gateway, sent) == len(sent)


async def _streams_refused(gateway: Gateway, sent: dict[str, dict[str, Any]]) -> int:
    refused = 0
    for given in sent.values():
        async with gateway.http.ws_connect(gateway.url + "/v1/stream", **given) as socket:
            message = await socket.receive(timeout=10)
            refused += message.type is aiohttp.WSMsgType.CLOSE and socket.close_code == 4401
    return refused


@pytest.mark.planted("a new route that nobody declared")
async def test_a_route_that_nobody_declared_is_found_and_opens_to_nobody(gateway: Gateway) -> None:
    assert undeclared(gateway.app) == set()
    planted = FastAPI()
    planted.add_api_route("/v1/planted", lambda: "open", methods=["GET"])
    assert undeclared(planted) == {("GET", "/v1/planted")}


@pytest.mark.parametrize("missing", ["SUMMIT_SESSION_SECRET", "SUMMIT_SERVICE_KEY"])
def test_no_secret_has_a_default(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = missing.removeprefix("SUMMIT_").lower()
    monkeypatch.delenv(missing, raising=False)
    assert GatewaySettings.model_fields[name].is_required()
    with pytest.raises(ValueError, match=name):
        GatewaySettings()
