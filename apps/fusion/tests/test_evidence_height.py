"""The height filter against the textbook, chi-square bounds, and what it is for: targets one above the other."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker
from summit_fusion.jipda.height import (
    AT,
    CC,
    HC,
    HH,
    WIDTH,
    C,
    H,
    HeightSettings,
    heights_at,
    learn_heights,
    weigh_heights,
)
from summit_fusion.jipda.layout import Floats

RUNS = 1000
CHI2_2_OF_1000 = (1.878, 2.126)
"""95 % bounds of the mean of 1,000 independent chi-square variables of 2 degrees of freedom (Bar-Shalom, 5.4)."""


def row(up: float, climb: float, hh: float, hc: float, cc: float, at: float) -> Floats:
    height = np.zeros((1, WIDTH))
    height[0, [H, C, HH, HC, CC, AT]] = up, climb, hh, hc, cc, at
    return height


def step(up: float, climb: float, cov: Floats, dt: float, q: float) -> tuple[Floats, Floats]:
    move = np.array([[1.0, dt], [0.0, 1.0]])
    return move @ [up, climb], move @ cov @ move.T + q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])


@settings(deadline=None)  # the first call compiles
@given(st.floats(0.0, 20.0), st.floats(-2.0, 0.0), st.floats(-50, 50), st.floats(-5, 5), st.floats(0.05, 1.0))
def test_it_is_the_mixture_of_textbook_updates(dt: float, lag: float, off: float, hc: float, share: float) -> None:
    assumed = HeightSettings(q=0.7)
    cov = np.array([[30.0, hc], [hc, 4.0]])
    height = row(100.0, 2.0, 30.0, hc, 4.0, 10.0)
    start, edges, sigma = np.array([0, 2]), np.array([0, 1]), np.array([8.0, 5.0])
    alt, lags, time = np.array([104.0 + off, np.nan]), np.array([lag, 0.0]), 10.0 + dt
    mean, predicted = step(100.0, 2.0, cov, dt, 0.7)
    look = np.array([1.0, lag])
    total = look @ predicted @ look + 64.0
    gain, nu = predicted @ look / total, alt[0] - look @ mean
    psi = np.ones(2)
    weigh_heights(psi, height, start, edges, alt, sigma, lags, time, assumed.row())
    ratio = assumed.spread_m * np.exp(-0.5 * nu * nu / total) / np.sqrt(2 * np.pi * total)
    np.testing.assert_allclose(psi, [np.clip(ratio, assumed.least, assumed.most), 1.0], rtol=1e-9)
    shares = np.array([share * 0.8, (1.0 - share) * 0.8])
    learn_heights(height, np.array([0.8]), start, edges, shares, alt, sigma, lags, time, assumed.row())
    shift = gain * nu
    spread = share * (predicted - np.outer(gain, look @ predicted) + np.outer(shift, shift)) + (1 - share) * predicted
    spread -= share**2 * np.outer(shift, shift)
    np.testing.assert_allclose(height[0, [H, C]], mean + share * shift, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(height[0, [HH, HC, CC]], spread[[0, 0, 1], [0, 1, 1]], rtol=1e-9, atol=1e-9)
    assert height[0, AT] == time


def test_without_a_height_it_is_left_alone() -> None:
    height = row(100.0, 2.0, 30.0, 1.0, 4.0, 10.0)
    before = height.tobytes()
    learn_heights(
        height, np.ones(1), np.array([0, 1]), np.array([0]), np.ones(1), np.array([np.nan]), np.array([np.nan]),
        np.zeros(1), 20.0, HeightSettings().row(),
    )  # fmt: skip
    assert height.tobytes() == before


@pytest.mark.parametrize(("share", "expected"), [(0.4, 0.0), (1.0, 100.0), (0.75, 100.0 + 0.25 * 1e6)])
def test_the_first_height_counts_by_how_surely_it_is_its_own(share: float, expected: float) -> None:
    height = np.zeros((1, WIDTH))
    learn_heights(
        height, np.ones(1), np.array([0, 1]), np.array([0]), np.array([share]), np.array([300.0]), np.array([10.0]),
        np.zeros(1), 5.0, HeightSettings().row(),
    )  # fmt: skip
    assert height[0, HH] == pytest.approx(expected)
    state, cov = heights_at(height, 6.0, 1.0)
    assert np.isnan(state).all() == np.isnan(cov).all() == (share < 0.5)


def test_a_matched_climb_is_consistent() -> None:
    """NEES of the last state, one sample a run, heights that come at uneven times."""
    random, assumed = np.random.default_rng(4), HeightSettings(q=0.5, climb_sigma_mps=4.0)
    truth, height = np.stack([np.zeros(RUNS), random.normal(0, 4.0, RUNS)], 1), np.zeros((RUNS, WIDTH))
    start, edges, lag, sigma = np.arange(RUNS + 1), np.arange(RUNS), np.zeros(RUNS), np.full(RUNS, 12.0)
    time = 0.0
    for dt in (0.0, 1.0, 3.0, 0.2, 7.0, 1.0, 2.0):
        time += dt
        root = np.linalg.cholesky(0.5 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]) + 1e-12 * np.eye(2))
        truth = truth @ np.array([[1.0, 0.0], [dt, 1.0]]) + random.normal(size=(RUNS, 2)) @ root.T
        alt = truth[:, 0] + random.normal(0, 12.0, RUNS)
        learn_heights(height, np.ones(RUNS), start, edges, np.ones(RUNS), alt, sigma, lag, time, assumed.row())
    state, cov = heights_at(height, time, 0.5)
    error, whole = state - truth, cov[:, [0, 1, 1, 2]].reshape(RUNS, 2, 2)
    nees = float(np.mean(np.einsum("ni,nij,nj->n", error, np.linalg.inv(whole), error)))
    assert CHI2_2_OF_1000[0] <= nees <= CHI2_2_OF_1000[1]


def crossing(seed: int, heights: bool) -> Iterator[Detections]:
    """Two drones that meet slowly 60 m above each other and turn back, which places alone cannot tell from passing."""
    random = np.random.default_rng(seed)
    for second in range(40):
        apart = max(5.0, abs(second - 20) * 8.0)
        z = np.array([[-apart, 0.0], [apart, 0.0]]) + random.normal(0, 10, (2, 2))
        alt = np.array([100.0, 160.0]) + random.normal(0, 5, 2)
        told = {"alt": alt, "alt_sigma": np.full(2, 5.0)} if heights else {}
        yield Detections.of(float(second), z, np.tile([100.0, 0.0, 100.0], (2, 1)), clutter=1e-8, **told)[0]


def swapped(seed: int, heights: bool) -> bool:
    tracker, first = JipdaTracker(), np.empty(0, np.int64)
    for second, scan in enumerate(crossing(seed, heights)):
        tracker.step(scan)
        if second == 8:
            first = tracker.estimate(8.0).id[np.argsort(tracker.estimate(8.0).mean[:, 0])]
    last = tracker.estimate(39.0)
    return last.id[np.argsort(last.mean[:, 0])].tolist() != first.tolist()


def test_heights_keep_targets_apart_that_meet_one_above_the_other() -> None:
    assert sum(swapped(seed, heights=True) for seed in range(20)) == 0
    assert sum(swapped(seed, heights=False) for seed in range(20)) >= 5
