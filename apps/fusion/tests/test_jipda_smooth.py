"""Smoothing over a recording: the least-squares solution for one model, honest and never worse than the filter."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import History, Smoothed, collapsed, smooth

ONE = Motion(q_cruise=0.7, q_manoeuvre=0.7, speed_sigma_mps=30.0)
"""Both models the same: a single linear one."""
TWO = Motion(q_cruise=0.1, q_manoeuvre=60.0, stay_cruise_s=40.0, stay_manoeuvre_s=15.0, speed_sigma_mps=40.0)
SIGMA_M = 12.0


def step_of(dt: float, q: float) -> tuple[Floats, Floats]:
    """Transition and process noise of (place, velocity), per axis, written out by hand."""
    return np.array([[1.0, dt], [0.0, 1.0]]), q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])


def flown(random: np.random.Generator, at: Floats, motion: Motion) -> Floats:
    """True states (n, 4) of the first model, velocity from the prior."""
    truth = np.zeros((len(at), 2, 2))
    truth[0, :, 1] = random.normal(0, motion.speed_sigma_mps, 2)
    for k in range(1, len(at)):
        step, noise = step_of(at[k] - at[k - 1], motion.q_cruise)
        truth[k] = truth[k - 1] @ step.T + random.multivariate_normal(np.zeros(2), noise, 2)
    return truth.transpose(0, 2, 1).reshape(-1, 4)


def seen(random: np.random.Generator, at: Floats, truth: Floats) -> History:
    noise = np.tile([SIGMA_M**2, 0.0, SIGMA_M**2], (len(at), 1))
    return History(at, truth[:, :2] + random.normal(0, SIGMA_M, (len(at), 2)), noise)


def least_squares(history: History, times: Floats, motion: Motion) -> tuple[Floats, Floats]:
    """Batch solution over all states at once by orthogonal factors, at times among which are those of the history: mean
    (n, 4) and variance of a component of the place (n,)."""
    n, q = len(times), motion.q_cruise
    prior = np.zeros((1, 2 * n))
    prior[0, 2 * int(np.searchsorted(times, history.at[0])) + 1] = 1.0 / motion.speed_sigma_mps
    links = []
    for k in range(1, n):
        step, noise = step_of(times[k] - times[k - 1], q)
        link = np.zeros((2, 2 * n))
        link[:, 2 * k - 2 : 2 * k + 2] = np.linalg.solve(np.linalg.cholesky(noise), np.hstack([-step, np.eye(2)]))
        links.append(link)
    sights = np.zeros((len(history.at), 2 * n))
    sights[np.arange(len(history.at)), 2 * np.searchsorted(times, history.at)] = 1.0 / SIGMA_M
    told = np.zeros((2 * n - 1 + len(history.at), 2))
    told[2 * n - 1 :] = history.z / SIGMA_M
    turned, upper = np.linalg.qr(np.vstack([prior, *links, sights]))
    root = np.linalg.inv(upper)
    return np.linalg.solve(upper, turned.T @ told).reshape(n, 2, 2).reshape(n, 4), (root**2).sum(1)[::2]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 14))
def test_one_model_is_the_least_squares_solution_also_between_and_beyond_the_detections(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    at = np.cumsum(random.uniform(0.5, 6.0, count))
    history = seen(random, at, flown(random, at, ONE))
    times = np.sort(np.concatenate([[at[0] - 2.0], at, 0.6 * at[:-1] + 0.4 * at[1:], [at[-1] + 3.0]]))
    expected, spread = least_squares(history, times, ONE)
    mean, cov = smooth([history], ONE)[0].at(times)
    scale = np.maximum(1.0, np.abs(expected))
    assert (np.abs(mean - expected) / scale).max() < 1e-9
    assert np.allclose(cov[:, 0, 0], spread, rtol=1e-9)
    assert np.allclose(cov[:, 1, 1], spread, rtol=1e-9)


def test_a_line_of_three_points_by_hand() -> None:
    """Hardly any process noise and no prior of the velocity: the straight line of least squares. Through 0, 3, 0 at
    0, 1, 2 s it is 1 everywhere, with the variance of a mean, R / 3, in the middle and 5 R / 6 at the ends."""
    motion = Motion(q_cruise=1e-12, q_manoeuvre=1e-12, speed_sigma_mps=1e5)
    z = np.array([[0.0, 0.0], [3.0, 3.0], [0.0, 0.0]])
    mean, cov = smooth([History(np.arange(3.0), z, np.tile([1.0, 0.0, 1.0], (3, 1)))], motion)[0].at(np.arange(3.0))
    assert np.allclose(mean[:, :2], 1.0, atol=1e-6)
    assert np.allclose(mean[:, 2:], 0.0, atol=1e-6)
    assert np.allclose(cov[:, 0, 0], [5 / 6, 1 / 3, 5 / 6], atol=1e-6)


def test_its_errors_are_as_large_as_it_says() -> None:
    """NEES at the middle of 500 independent flights, 95 % bounds of chi-square with 4 x 500 degrees of freedom."""
    random, at, runs = np.random.default_rng(5), np.arange(0.0, 40.0, 2.0), 500
    truths = [flown(random, at, ONE) for _ in range(runs)]
    found = smooth([seen(random, at, truth) for truth in truths], ONE)
    nees = [_nees(one, truth, float(at[10]), 10) for one, truth in zip(found, truths, strict=True)]
    half = 1.96 * math.sqrt(2 * 4 / runs)
    assert 4.0 - half < np.mean(nees) < 4.0 + half


def _nees(one: Smoothed, truth: Floats, time: float, row: int) -> float:
    mean, cov = one.at(np.array([time]))
    off = truth[row] - mean[0]
    return float(off @ np.linalg.solve(cov[0], off))


def test_two_models_through_a_turn_are_better_than_the_filter_and_consistent() -> None:
    random, at = np.random.default_rng(7), np.arange(0.0, 120.0, 2.0)
    course = np.interp(at, [40.0, 70.0], [0.0, 2.0])
    truth = np.zeros((len(at), 4))
    truth[:, 2], truth[:, 3] = 80 * np.cos(course), 80 * np.sin(course)
    truth[1:, :2] = np.cumsum((truth[1:, 2:] + truth[:-1, 2:]) / 2 * 2.0, axis=0)
    found = smooth([seen(random, at, truth) for _ in range(60)], TWO)
    nees, squares = [], []
    for one in found:
        mean, cov = one.at(at)
        off = mean[:, :2] - truth[:, :2]
        before = collapsed(one.filtered)[0][:, :2] - truth[:, :2]
        squares.append([(off**2).sum(), (before**2).sum()])
        nees.append((off * np.linalg.solve(cov[:, :2, :2], off[..., None])[..., 0]).sum(1))
        assert (np.linalg.eigvalsh(cov) > 0.0).all()
    ours, filters = np.array(squares).T
    assert (ours / filters).max() < 1.0  # in no run worse
    assert ours.sum() / filters.sum() < 0.75**2
    assert np.mean(nees) < 2.5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_histories_of_any_lengths_go_together_as_alone(seed: int) -> None:
    random, histories = np.random.default_rng(seed), []
    for count in random.integers(1, 12, 6):
        at = np.cumsum(random.exponential(3.0, count))
        histories.append(seen(random, at, flown(random, at, TWO)))
    for one, history in zip(smooth(histories, TWO), histories, strict=True):
        alone = smooth([history], TWO)[0]
        times = np.linspace(history.at[0] - 2.0, history.at[-1] + 2.0, 7)
        for mine, theirs in zip(one.at(times), alone.at(times), strict=True):
            assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-7)
    assert smooth([], TWO) == []


def test_two_detections_at_the_same_time_count_both() -> None:
    noise = np.tile([4.0, 0.0, 4.0], (3, 1))
    history = History(np.array([0.0, 1.0, 1.0]), np.array([[0.0, 0.0], [10.0, 0.0], [12.0, 0.0]]), noise)
    mean, cov = smooth([history], TWO)[0].at(np.array([0.5, 1.0]))
    assert np.isfinite(mean).all()
    assert abs(mean[1, 0] - 11.0) < 0.5
    assert cov[1, 0, 0] < 2.01


def test_a_report_that_nobody_could_foresee_spoils_nothing_however_far_the_origin_is() -> None:
    """The reports of a flight with one of somebody else among them: each state is a whole mixture of its models."""
    random, at = np.random.default_rng(3), np.arange(0.0, 200.0, 5.0)
    straight = seen(random, at, flown(random, at, ONE))
    z, origin = straight.z.copy(), np.array([-520_000.0, 525_000.0])
    z[20] += 3000.0
    near, far = (smooth([History(at, z + shift, straight.noise)], TWO)[0] for shift in (0.0, origin))
    assert np.allclose(far.states.chance.sum(1), 1.0)
    times = np.arange(-2.0, 200.0, 1.0)
    (mean, cov), (there, spread) = near.at(times), far.at(times)
    assert np.abs(there[:, :2] - origin - mean[:, :2]).max() < 1e-3
    assert np.allclose(cov, spread, rtol=1e-6, atol=1e-6)
    assert np.sqrt(np.trace(spread[:, :2, :2], axis1=1, axis2=2))[:60].max() < 10.0 * SIGMA_M
