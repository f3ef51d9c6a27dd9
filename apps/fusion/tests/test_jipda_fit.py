"""The motion that a recording is smoothed with is the one that its targets had."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda.fit import fitted, told
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import History, likelihood, smooth

SIGMA_M = 20.0
ASSUMED = Motion(q_cruise=5.0, q_manoeuvre=400.0, stay_cruise_s=120.0, stay_manoeuvre_s=60.0, speed_sigma_mps=100.0)


def flown(random: np.random.Generator, q: float, count: int, every_s: float = 5.0) -> tuple[History, Floats]:
    """Reports of a target under white acceleration of density q, and where it was (n, 2)."""
    noise = q * np.array([[every_s**3 / 3.0, every_s**2 / 2.0], [every_s**2 / 2.0, every_s]])
    state, places = np.stack([np.zeros(2), random.normal(0.0, 60.0, 2)]), []
    for _ in range(count):
        places.append(state[0])
        state = np.stack([state[0] + every_s * state[1], state[1]])
        state += random.multivariate_normal(np.zeros(2), noise, 2).T
    place = np.array(places)
    seen = place + random.normal(0.0, SIGMA_M, place.shape)
    return History(every_s * np.arange(count), seen, np.tile([SIGMA_M**2, 0.0, SIGMA_M**2], (count, 1))), place


@pytest.mark.parametrize("q", [1.0, 25.0, 400.0])
def test_the_noise_of_the_targets_is_found_within_a_step_of_the_scales(q: float) -> None:
    random = np.random.default_rng(int(q))
    found = fitted([flown(random, q, 80)[0] for _ in range(10)], ASSUMED)
    assert min(abs(np.log(one / q)) for one in (found.q_cruise, found.q_manoeuvre)) <= np.log(4.0)
    assert (found.stay_cruise_s, found.speed_sigma_mps) == (ASSUMED.stay_cruise_s, ASSUMED.speed_sigma_mps)


def test_targets_that_are_calmer_than_assumed_are_smoothed_better() -> None:
    random = np.random.default_rng(5)
    histories, places = zip(*(flown(random, 40.0, 60) for _ in range(12)), strict=True)

    def rms(motion: Motion) -> float:
        off = [
            one.at(one.history.at)[0][:, :2] - place
            for one, place in zip(smooth(histories, motion), places, strict=True)
        ]
        return float(np.sqrt(np.mean(np.concatenate(off) ** 2)))

    assert rms(fitted(histories, ASSUMED)) < 0.95 * rms(ASSUMED)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 1000.0))
def test_nothing_that_is_chosen_is_less_likely_than_what_was_assumed(seed: int, q: float) -> None:
    random = np.random.default_rng(seed)
    histories = [flown(random, q, 40)[0] for _ in range(3)]
    found = fitted(histories, ASSUMED)
    assert likelihood(histories, found) >= likelihood(histories, ASSUMED)
    assert found == fitted(histories, ASSUMED)


def test_a_few_detections_change_nothing_and_the_first_of_each_says_nothing() -> None:
    history, _ = flown(np.random.default_rng(1), 1.0, 20)
    assert fitted([history], ASSUMED) == ASSUMED
    assert fitted([], ASSUMED) == ASSUMED
    first = History(history.at[:1], history.z[:1], history.noise[:1])
    assert likelihood([history, first], ASSUMED) == pytest.approx(likelihood([history], ASSUMED))


def joined(*parts: History) -> History:
    return History.joined(parts)


def split(one: History, k: int) -> tuple[History, History]:
    return History(one.at[:k], one.z[:k], one.noise[:k]), History(one.at[k:], one.z[k:], one.noise[k:])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 28))
def test_the_tracks_that_a_recording_came_of_are_likelier_than_those_that_swap_break_or_leave_out(
    seed: int, k: int
) -> None:
    random = np.random.default_rng(seed)
    (one, _), (other, _) = (flown(random, 1.0, 30) for _ in range(2))
    other = History(other.at, other.z + np.array([400.0, 0.0]), other.noise)
    motion = Motion(q_cruise=1.0, q_manoeuvre=50.0, stay_cruise_s=120.0, stay_manoeuvre_s=60.0, speed_sigma_mps=100.0)
    right = told([one, other], 60, motion)
    (a, b), (c, d) = split(one, k), split(other, k)
    apart = np.hypot(*(one.z[k - 1 : k + 1] - other.z[k - 1 : k + 1]).T).min()
    if apart > 30.0 * SIGMA_M:
        assert told([joined(a, d), joined(c, b)], 60, motion) < right
    assert told([a, b, other], 60, motion) < right
    assert told([a, other], 60, motion) < right
    assert told([other, one], 60, motion) == pytest.approx(right)
    assert told([], 60, motion) == pytest.approx(60 * np.log(1e-12))
