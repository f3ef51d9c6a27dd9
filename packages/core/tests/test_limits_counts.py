"""Quotas: what the arithmetic admits, that the wait it tells is the real one, and that memory is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.errors import RateLimitedError
from summit_core.http.limits.limiter import Limiter
from summit_core.http.limits.local import LocalCounts
from summit_core.http.limits.quota import Policy, Quota, parse_quota
from summit_core.http.limits.seats import Seats


class Ticks:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def counts(amount: int, window_s: int, **more: int) -> tuple[LocalCounts, Policy, Ticks]:
    ticks = Ticks()
    return LocalCounts(ticks, **more), Policy("reads", Quota(amount, window_s)), ticks


@given(
    amount=st.integers(1, 20),
    window_s=st.integers(1, 120),
    steps=st.lists(st.tuples(st.floats(0, 90), st.integers(1, 30)), min_size=1, max_size=20),
)
def test_the_wait_that_is_told_is_the_real_one(amount: int, window_s: int, steps: list[tuple[float, int]]) -> None:
    limit, policy, ticks = counts(amount, window_s)
    for pause_s, tries in steps:
        ticks.now += pause_s
        for _ in range(tries):
            limit.take(policy, "ada")
        verdict = limit.look(policy, "ada")
        if verdict.admitted:
            assert verdict.retry_after_s == 0
            continue
        assert 0 < verdict.retry_after_s <= 2 * window_s + 0.01
        asked_at = ticks.now
        ticks.now = asked_at + verdict.retry_after_s - 0.05
        assert not limit.look(policy, "ada").admitted
        ticks.now = asked_at + verdict.retry_after_s + 0.001
        assert limit.look(policy, "ada").admitted


@given(amount=st.integers(1, 15), pauses=st.lists(st.floats(0, 3), min_size=20, max_size=80))
def test_no_window_of_the_clock_holds_more_than_the_quota(amount: int, pauses: list[float]) -> None:
    limit, policy, ticks = counts(amount, 10)
    admitted: dict[int, int] = {}
    for pause_s in pauses:
        ticks.now += pause_s
        window = int(ticks.now // 10)
        admitted[window] = admitted.get(window, 0) + limit.take(policy, "ada").admitted
    assert max(admitted.values()) <= amount


def test_one_more_than_the_quota_is_refused_and_others_are_not() -> None:
    limit, policy, _ = counts(3, 60)
    assert [limit.take(policy, "ada").remaining for _ in range(3)] == [2, 1, 0]
    assert not limit.take(policy, "ada").admitted
    assert limit.take(policy, "bob").admitted
    limit.give_back(policy, "ada")
    assert limit.take(policy, "ada").admitted


def test_a_million_callers_take_bounded_memory_and_stay_limited() -> None:
    limit, policy, ticks = counts(5, 60, max_keys=100)
    for number in range(10_000):
        limit.take(policy, f"address {number}")
    assert sum(len(one.current) for one in limit._counts.values()) <= 101
    assert not limit.take(policy, "one more").admitted, "those beyond the bound are not limited"
    ticks.now += 120
    assert limit.take(policy, "one more").admitted
    assert sum(len(one.current) + len(one.previous) for one in limit._counts.values()) == 1


@pytest.mark.parametrize("text", ["", "100", "0/60", "100/0", "-1/60", "1e3/60", "100/60 ", 100, None])
def test_a_quota_that_is_none_says_how_to_write_it(text: object) -> None:
    with pytest.raises(ValueError, match="AMOUNT/SECONDS"):
        parse_quota(text)


def test_seats_are_given_back_whatever_happens() -> None:
    seats = Seats("streams", 3)

    def take_all_seats_of_one() -> None:
        with seats.held({"ada": 2}), seats.held({"ada": 2}), seats.held({"ada": 2}):
            raise AssertionError("the third was let in")

    with pytest.raises(RateLimitedError, match="2 streams are open"):
        take_all_seats_of_one()
    assert seats.taken == 0
    with seats.held({"ada": 2}), seats.held({"bob": 2}), seats.held({"eve": 2}):
        with pytest.raises(RateLimitedError, match="3 streams are open"), seats.held({"mallory": 2}):
            raise AssertionError("the fourth was let in")
        assert seats.taken == 3
    with seats.held({"ada": 1}):
        assert seats.taken == 1


async def test_charging_says_which_limit_it_was() -> None:
    limiter = Limiter(now=Ticks())
    policy = Policy("sign_in", Quota(1, 60))
    await limiter.charge(policy, "ada")
    with pytest.raises(RateLimitedError, match=r"more than 1 in 60 s \(sign_in\)") as caught:
        await limiter.charge(policy, "ada")
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 0
