"""K4: the limiter is core's own (H3 attacks it), it is what a request of the gateway meets, and none that blocks the
event loop is installed."""

from collections.abc import Callable
from typing import Any

import pytest
from gateway_harness import Gateway, running
from summit_core.http.limits.limiter import Limiter
from summit_core.http.limits.middleware import LimitsMiddleware
from summit_gateway.settings import GatewaySettings

BLOCKING = ("slowapi", "flask-limiter")


async def uncounted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests of which core's limiter never heard."""
    heard: list[str] = []
    take = Limiter.take

    async def listened(self: Limiter, policy: Any, key: str, cost: int = 1) -> Any:
        heard.append(policy.name)
        return await take(self, policy, key, cost)

    monkeypatch.setattr(Limiter, "take", listened)
    found = []
    for path in ("/v1/entities", "/v1/sources", "/v1/stream", "/nothing"):
        before = len(heard)
        async with gateway.http.get(gateway.url + path, headers=gateway.headers()):
            found += [path] if len(heard) == before else []
    return found


@pytest.mark.planted("a limiter that blocks the event loop, in a lock")
def test_no_lock_holds_a_limiter_that_blocks(locks_with: Callable[..., list[str]]) -> None:
    assert locks_with(*BLOCKING) == []
    assert locks_with(*BLOCKING, lock="slowapi==0.1.10 \\\n") == ["slowapi"]


async def test_each_request_meets_that_of_core(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await uncounted(gateway, monkeypatch) == []


@pytest.mark.planted("a gateway with another middleware in the place of core's")
async def test_a_gateway_with_another_limiter_is_noticed(
    settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def another(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    monkeypatch.setattr(LimitsMiddleware, "__call__", another)
    async with running(settings) as gateway:
        assert await uncounted(gateway, monkeypatch) == ["/v1/entities", "/v1/sources", "/v1/stream", "/nothing"]
