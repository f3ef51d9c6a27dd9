"""K6: every call to a service goes through core's breaker (H5 attacks it); no library that only tries again is
installed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from gateway_harness import Gateway, Upstream
from summit_core.http.client.breaker import Breaker, Permit
from summit_gateway.upstream.routes import ROUTES

ONLY_RETRY = ("tenacity", "stamina", "backoff", "retrying")


async def got_through(gateway: Gateway, upstream: Upstream) -> list[str]:
    """The routes by which a service is still asked while the breakers of all are open."""
    for behind in gateway.app.state.services.upstreams.services.values():
        for _ in range(5):
            behind.breaker.leave(behind.breaker.enter(), False)

    async def ask(method: str, path: str) -> None:
        sent = gateway.headers() | {"Content-Type": "application/json", "If-Match": "*"}
        target = gateway.url + path.replace("{id}", "x-1").replace("{field}", "label")
        async with gateway.http.request(method, target, headers=sent, data=b"{}") as answer:
            await answer.read()

    await asyncio.gather(*(ask(route.method, route.path) for route in ROUTES))
    return [f"{one['method']} {one['target']}" for one in upstream.asked]


@pytest.mark.planted("a library that only tries again (three tries of each call, no state), in a lock")
def test_no_lock_holds_a_library_that_only_tries_again(locks_with: Callable[..., list[str]]) -> None:
    assert locks_with(*ONLY_RETRY) == []
    assert locks_with(*ONLY_RETRY, lock="tenacity==9.2.1 \\\n") == ["tenacity"]


async def test_no_route_gets_past_an_open_breaker(gateway: Gateway, upstream: Upstream) -> None:
    assert len(ROUTES) > 20
    assert await got_through(gateway, upstream) == []


@pytest.mark.planted("a retry in the place of the breaker: it has no state, so each call goes")
async def test_calls_past_the_breaker_are_noticed(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enter(self: Any) -> Permit:
        return Permit(0)

    monkeypatch.setattr(Breaker, "enter", enter)
    assert len(await got_through(gateway, upstream)) > 5
