"""Readiness: one deadline whatever a dependency does, and a loop is silent when it said it would be heard."""

import asyncio
from time import monotonic

import pytest
from summit_core.observability.health import HealthMonitor


async def test_a_check_that_will_not_even_be_cancelled_holds_nobody_up() -> None:
    released, asked = asyncio.Event(), 0

    async def stubborn() -> str | None:
        nonlocal asked
        asked += 1
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:  # as a query whose cancellation hangs
                continue
        return None

    health = HealthMonitor(deadline_s=0.05, checks={"postgres": stubborn})
    began = monotonic()
    assert await health.problems() == {"postgres": "no answer within 0 s"}
    assert await health.problems() == {"postgres": "no answer within 0 s"}
    assert (monotonic() - began < 1.0, asked) == (True, 1)
    released.set()
    assert await health.problems() == {}


async def test_a_check_that_fails_says_why() -> None:
    async def refused() -> str | None:
        raise ConnectionRefusedError("nobody listens")

    found = await HealthMonitor(checks={"nats": refused}).problems()
    assert found == {"nats": "ConnectionRefusedError"}, "its text may tell addresses"


def test_a_slow_loop_says_how_long_its_silence_may_last(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("summit_core.observability.health.monotonic", lambda: now)
    health = HealthMonitor()
    for name in ("slow", "quick"):
        health.expect(name)  # as who supervises it does
    health.expect("slow", max_age_s=180.0)  # as it says itself
    health.beat("slow")
    health.beat("quick")
    now = 150.0
    assert health.loop_problems() == {"quick": "silent for 50 s"}
    now = 300.0
    assert set(health.loop_problems()) == {"quick", "slow"}
