"""H4: one pooled client a process, and every request is answered within its stated deadline, whatever is behind it."""

import ast
import asyncio
import importlib.util
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest
from gateway_harness import free_port, running
from summit_core.http import deadline
from summit_gateway.upstream.routes import ROUTES
from waiting import eventually

STATED_S, GRACE_S = 5.0, 0.6
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_limits.py"


def too_late(taken_s: list[float]) -> list[float]:
    return [each for each in taken_s if each > STATED_S + GRACE_S]


async def test_every_route_ends_in_time_before_one_that_hangs(
    gateway: Any, upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]]
) -> None:
    proxy = await chaos_proxy(upstream.port)
    for behind in gateway.app.state.services.upstreams.services.values():
        behind.url = proxy.url
    await proxy.become("hang")

    async def ask(method: str, path: str) -> tuple[int, float, Any]:
        began = time.perf_counter()
        sent = gateway.headers() | {"Content-Type": "application/json", "If-Match": "*"}
        target = gateway.url + path.replace("{id}", "x-1").replace("{field}", "label")
        async with gateway.http.request(method, target, headers=sent, data=b"{}") as answer:
            return answer.status, time.perf_counter() - began, await answer.json()

    answers = await asyncio.gather(*(ask(route.method, route.path) for route in ROUTES))
    assert too_late([taken for _, taken, _ in answers]) == []
    assert {status for status, _, _ in answers} <= {422, 428, 429, 503, 504}
    assert sum(status == 504 for status, _, _ in answers) >= 5
    assert not any("127.0.0.1" in str(problem) for _, _, problem in answers)
    await proxy.become("latency")

    async def answered() -> tuple[int, float, Any] | None:
        answer = await ask("GET", "/v1/sources")
        return answer if answer[0] == 200 else None

    _, taken, _ = await eventually(answered, within_s=5)  # the breaker lets a probe go after a second
    assert taken < 1.5, "0.3 s each way"


def test_a_frozen_service_is_late_alone(stack: Any) -> None:
    """SIGSTOP of the real fabric: what passes through it ends at the deadline, everything else is as quick as ever."""
    assert stack.ask("GET", "/v1/sources")[0] == 200
    go_on = stack.freeze("summit_fabric")
    try:
        with ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            late = [pool.submit(stack.ask, "GET", "/v1/sources") for _ in range(2)]
            others = []
            while not all(one.done() for one in late):
                asked = time.monotonic()
                assert stack.ask("GET", "/v1/entities")[0] == 200
                others.append(time.monotonic() - asked)
            assert {one.result()[0] for one in late} <= {503, 504}
            assert too_late([time.monotonic() - began]) == []
        assert quantiles(others, n=100)[98] < 0.25
    finally:
        go_on()
    stack.until(lambda: stack.ask("GET", "/v1/sources")[0] == 200, within_s=15, what="the thawed service")


def test_no_service_builds_a_client_for_a_call() -> None:
    spec = importlib.util.spec_from_file_location("check_limits", SCRIPT)
    assert spec is not None and spec.loader is not None
    limits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(limits)
    found = [line for path in limits.sources() for line in limits.violations(path) if "HTTP client" in line]
    assert found == []
    for planted in (
        "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s: ...",
        "from aiohttp import ClientSession as S\nsession = S()",
        "import httpx\nhttpx.AsyncClient(timeout=5)",
        "import requests\nrequests.get('http://fabric')",
        "from urllib.request import urlopen\nurlopen('http://fabric')",
    ):
        assert list(limits._clients(ast.parse(planted))), planted


@pytest.mark.parametrize("taken", [STATED_S + 1.0, 60.0])
def test_a_late_answer_is_noticed(taken: float) -> None:
    assert too_late([0.1, taken]) == [taken]


async def answered(gateway: Any, within_s: float) -> bool:
    """Whether a request to a service that hangs gets an answer in that time."""
    try:
        async with asyncio.timeout(within_s):
            return bool(await gateway.get("/v1/sources"))
    except TimeoutError:
        return False


@pytest.mark.planted("a gateway that hands no deadline on: each step has a timeout, the request has none")
async def test_a_gateway_without_a_deadline_is_noticed(
    settings: Any, upstream: Any, chaos_proxy: Callable[[int], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await chaos_proxy(upstream.port)
    await proxy.become("hang")
    monkeypatch.setattr(deadline, "DEFAULT_S", 0.3)  # not to wait for five seconds here
    hanging = settings.model_copy(update={"fabric_url": proxy.url})
    async with running(hanging) as gateway:
        assert await answered(gateway, 2.0)
    monkeypatch.setattr(deadline.DeadlineMiddleware, "__call__", lambda self, *asked: self._app(*asked))
    async with running(hanging.model_copy(update={"port": free_port()})) as gateway:
        assert not await answered(gateway, 2.0)
