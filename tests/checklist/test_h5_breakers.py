"""H5: closed, open, half-open with one probe, per upstream, its state a metric; retries bounded, never of a POST."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from summit_core.errors import SummitError
from summit_core.http.client import Upstream, create_session
from summit_core.http.client.breaker import Breaker, Permit

CALLS, CALLERS = 20, 50


class Moment:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def outcome(upstream: Upstream, method: str = "GET") -> str:
    try:
        return str((await upstream.call(method, "/v1/sources", headers={})).status)
    except SummitError as error:
        return type(error).__name__


async def hits(upstream: Upstream, proxy: Any, clock: Moment) -> tuple[int, int]:
    """How often a hanging upstream is asked by 20 calls in sequence, then by 50 at once when it may be back."""
    await proxy.become("hang")
    for _ in range(CALLS):
        await outcome(upstream)
    first = proxy.taken
    clock.now += 1.0
    await asyncio.gather(*(outcome(upstream) for _ in range(CALLERS)))
    return first, proxy.taken - first


@pytest.fixture
async def behind(
    upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]]
) -> AsyncIterator[tuple[Upstream, Any, Moment]]:
    """A real upstream behind a proxy that can hang, and the clock of its breaker."""
    proxy, clock = await chaos_proxy(upstream.port), Moment()
    async with create_session() as session:
        yield Upstream("h5", proxy.url, session, read_s=0.1, clock=clock), proxy, clock


async def test_an_upstream_that_hangs_is_left_alone(behind: tuple[Upstream, Any, Moment]) -> None:
    called, proxy, clock = behind
    assert await hits(called, proxy, clock) == (5, 1)
    await proxy.become("ok")
    clock.now += 1.0
    assert [await outcome(called) for _ in range(3)] == ["200"] * 3


class LetsAllThrough(Breaker):
    """What two libraries do: half-open is no different from closed."""

    def enter(self) -> Permit:
        self._probing = False
        return super().enter()


@pytest.mark.planted("a breaker whose half-open state lets every call through")
async def test_a_breaker_that_lets_all_probe_is_noticed(behind: tuple[Upstream, Any, Moment]) -> None:
    called, proxy, clock = behind
    called.breaker = LetsAllThrough("h5", clock=clock)
    first, probes = await hits(called, proxy, clock)
    assert first == 5
    assert probes > 1


async def test_a_post_without_a_key_is_sent_once(gateway: Any, upstream: Any) -> None:
    upstream.status = 502  # with a problem, so it is an answer
    status, _ = await gateway.post("/v1/alerts/a-1/ack", {"note": ""})
    assert (status, len(upstream.asked)) == (502, 1)


@pytest.mark.parametrize(("key", "sent"), [(None, 1), ("key-0123456789abcdef", 3)])
async def test_only_what_is_done_once_is_sent_again(
    gateway: Any, upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]], key: str | None, sent: int
) -> None:
    proxy = await chaos_proxy(upstream.port)
    await proxy.become("reset")
    gateway.app.state.services.upstreams.services["fabric"].url = proxy.url
    headers = {} if key is None else {"Idempotency-Key": key}
    draft = {"kind": "structure", "label": "Hut", "location": {"lat": 36.5, "lon": -84.2}}
    status, problem = await gateway.post("/v1/entities", draft, **headers)
    assert (status, problem["code"]) == (503, "unavailable")
    assert proxy.taken == sent
    assert upstream.asked == []


@pytest.mark.planted("retries of every call, a POST without a key too")
async def test_a_post_that_is_sent_again_is_noticed(
    gateway: Any, upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await chaos_proxy(upstream.port)
    await proxy.become("reset")
    called = gateway.app.state.services.upstreams.services["fabric"]
    called.url, call = proxy.url, called.call
    monkeypatch.setattr(called, "call", lambda *asked, **more: call(*asked, **(more | {"idempotent": True})))
    draft = {"kind": "structure", "label": "Hut", "location": {"lat": 36.5, "lon": -84.2}}
    await gateway.post("/v1/entities", draft)
    assert proxy.taken == 3, "three for one, where the check above wants one"


async def test_its_state_is_on_the_metrics_page(
    gateway: Any, upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]]
) -> None:
    proxy = await chaos_proxy(upstream.port)
    await proxy.become("down")
    gateway.app.state.services.upstreams.services["tasking"].url = proxy.url

    async def state() -> str:
        async with gateway.http.get(gateway.url + "/metrics") as answer:
            found = re.search(r'summit_breaker_state\{upstream="tasking"\} (\S+)', await answer.text())
        return found[1] if found else ""

    assert await state() == "0.0"
    for _ in range(6):
        assert (await gateway.post("/v1/tasks/t-1/cancel", {"reason": "x"}))[0] == 503
    assert await state() == "2.0"
