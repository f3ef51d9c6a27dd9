"""The circuit breaker by a clock that we hold: when it opens, whom it lets through, when it closes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from summit_core.http.client.breaker import Breaker, BreakerOpenError, Permit, State


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("unit", clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.leave(breaker.enter(), False)


def let_through(breaker: Breaker, callers: int) -> list[Permit]:
    """The permits of callers who come at the same time."""
    permits = []
    for _ in range(callers):
        try:
            permits.append(breaker.enter())
        except BreakerOpenError as refused:
            assert refused.retry_after_s is not None
            assert refused.retriable
    return permits


def test_it_opens_at_the_fifth_failure(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN
    assert let_through(breaker, 15) == []


def test_it_says_when_to_come_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 0.4
    with pytest.raises(BreakerOpenError) as refused:
        breaker.enter()
    assert refused.value.retry_after_s == pytest.approx(0.6)


def test_a_few_failures_among_many_calls_do_not_open_it(breaker: Breaker) -> None:
    for _ in range(50):
        breaker.leave(breaker.enter(), True)
        breaker.leave(breaker.enter(), True)
        fail(breaker)
    assert breaker.state is State.CLOSED


def test_old_failures_are_forgotten(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        fail(breaker)
        clock.now += 3.0
    assert breaker.state is State.CLOSED


def test_one_of_fifty_is_the_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 1.0
    (probe,) = let_through(breaker, 50)
    assert breaker.state is State.HALF_OPEN
    breaker.leave(probe, True)
    assert breaker.state is State.CLOSED
    assert len(let_through(breaker, 50)) == 50


def test_a_failed_probe_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 1.0
    breaker.leave(breaker.enter(), False)
    assert breaker.state is State.OPEN
    clock.now += 0.9
    assert let_through(breaker, 50) == []
    clock.now += 0.1
    assert len(let_through(breaker, 50)) == 1


async def test_a_probe_that_is_called_off_makes_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 1.0
    probing = asyncio.Event()

    async def probe() -> None:
        permit = breaker.enter()
        try:
            probing.set()
            await asyncio.Event().wait()
        finally:
            breaker.leave(permit, None)

    task = asyncio.create_task(probe())
    await probing.wait()
    assert let_through(breaker, 50) == []
    task.cancel()
    await asyncio.wait([task])
    assert breaker.state is State.HALF_OPEN
    assert len(let_through(breaker, 50)) == 1


def test_calls_from_before_say_nothing_of_now(breaker: Breaker, clock: Clock) -> None:
    early = [breaker.enter() for _ in range(10)]
    fail(breaker, 5)
    clock.now += 1.0
    probe = breaker.enter()
    for permit in early[:5]:
        breaker.leave(permit, True)
    assert breaker.state is State.HALF_OPEN, "an answer from before it opened closed it"
    breaker.leave(probe, True)
    for permit in early[5:]:
        breaker.leave(permit, False)
    assert breaker.state is State.CLOSED, "failures from before it closed opened it"


def test_its_state_is_a_metric(breaker: Breaker, clock: Clock) -> None:
    def moved(to: str) -> float:
        return REGISTRY.get_sample_value("summit_breaker_transitions_total", {"upstream": "unit", "to": to}) or 0.0

    before = moved("open")
    fail(breaker, 5)
    assert REGISTRY.get_sample_value("summit_breaker_state", {"upstream": "unit"}) == State.OPEN
    assert moved("open") == before + 1
    clock.now += 1.0
    breaker.leave(breaker.enter(), True)
    assert REGISTRY.get_sample_value("summit_breaker_state", {"upstream": "unit"}) == State.CLOSED


@given(st.lists(st.tuples(st.sampled_from(["enter", "good", "bad", "off"]), st.floats(0, 2)), max_size=200))
def test_never_two_probes_at_once(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    breaker = Breaker("property", clock=clock)
    underway: list[Permit] = []
    probe: Permit | None = None
    for what, wait_s in steps:
        clock.now += wait_s
        if what == "enter":
            let = let_through(breaker, 3)
            if breaker.state is State.HALF_OPEN:
                assert len(let) == (0 if probe in underway else 1)
                probe = let[0] if let else probe
            underway += let
        elif underway:
            breaker.leave(underway.pop(0), {"good": True, "bad": False, "off": None}[what])
