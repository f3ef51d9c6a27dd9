"""Nonsense is refused and counted, and a scan that carries it takes no longer than twice that of one that does not."""

import math
from statistics import median
from time import thread_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker, LateTracker
from summit_fusion.jipda.layout import Floats

TARGETS = 1500
WIDTH_M = 16_000.0


def crowd(second: int) -> tuple[Floats, Floats]:
    start, random = np.random.default_rng(1), np.random.default_rng(second)
    place, speed = start.uniform(0, WIDTH_M, (TARGETS, 2)), start.normal(0, 15, (TARGETS, 2))
    z = place + second * speed + random.normal(0, 10, place.shape)
    return z, np.tile([100.0, 0.0, 100.0], (TARGETS, 1))


def nonsense(second: int) -> tuple[Floats, Floats]:
    """Two thousand detections that are none, within the same area."""
    random = np.random.default_rng(1000 + second)
    z, noise = random.uniform(0, WIDTH_M, (2000, 2)), np.tile([100.0, 0.0, 100.0], (2000, 1))
    z[:1000] = (WIDTH_M / 2, WIDTH_M / 2)  # a thousand times the same
    z[1000:1200] = np.nan
    z[1200:1300] = np.inf
    noise[1300:1400] = (100.0, 100.0, 100.0)
    noise[1400:1500] = (-100.0, 0.0, 100.0)
    noise[1500:1600] = 0.0
    noise[1600:1700] = np.nan
    noise[1700:1800] = (1e12, 0.0, 1e12)
    noise[1800:1900] = (1e300, 0.0, 1e300)
    noise[1900:2000] = (1e-300, 0.0, 1e-300)
    return z, noise


def cost(polluted: bool, seconds: int = 16) -> tuple[float, int, JipdaTracker]:
    """Median processor seconds of a scan, how many detections were refused, and what is tracked."""
    tracker, spent, refused = JipdaTracker(), [], 0
    for second in range(seconds):
        z, noise = crowd(second)
        if polluted:
            more = nonsense(second)
            z, noise = np.concatenate([z, more[0]]), np.concatenate([noise, more[1]])
        began = thread_time()
        scan, bad = Detections.of(float(second), z, noise, clutter=1e-9)
        tracker.step(scan)
        spent.append(thread_time() - began)
        refused += bad
    return median(spent[4:]), refused, tracker


def test_a_scan_with_nonsense_takes_at_most_twice_as_long() -> None:
    cost(True, 6)
    (clean, none, plain), (polluted, refused, tracker) = (
        min((cost(False) for _ in range(3)), key=lambda c: c[0]),
        min((cost(True) for _ in range(3)), key=lambda c: c[0]),
    )
    assert none == 0
    assert refused == 16 * 1999
    assert polluted <= 2.0 * clean, (polluted, clean)
    shown = tracker.estimate(15.0)
    assert np.isfinite(shown.mean).all() and np.isfinite(shown.cov).all()
    assert abs(len(shown.id) - len(plain.estimate(15.0).id)) <= 2


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e300])
def test_a_scan_of_no_time_moves_nothing(time: float) -> None:
    tracker, late = JipdaTracker(), LateTracker(reorder_s=0.0)
    z, noise = np.array([[0.0, 0.0]]), np.array([[100.0, 0.0, 100.0]])
    for second in range(4):
        scan = Detections.of(float(second), z, noise, clutter=1e-9, key=np.array([second]))[0]
        tracker.step(scan)
        late.take(scan)
    before = tracker.estimate(4.0), late.estimate(4.0)
    absurd, refused = Detections.of(time, z, noise, clutter=1e-9, key=np.array([9]))
    tracker.step(absurd)
    assert refused == 1
    assert late.take(absurd) == [absurd]
    for one, other in zip(before, (tracker.estimate(4.0), late.estimate(4.0)), strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)


def test_a_detection_long_before_its_scan_or_after_it_is_refused() -> None:
    z, noise = np.zeros((3, 2)), np.tile([100.0, 0.0, 100.0], (3, 1))
    scan, refused = Detections.of(0.0, z, noise, clutter=1e-9, at=np.array([-1e9, 5.0, -0.1]))
    assert (scan.at.tolist(), refused) == ([-0.1], 2)


def test_one_place_with_two_identities_is_two() -> None:
    z, noise, who = np.zeros((3, 2)), np.tile([100.0, 0.0, 100.0], (3, 1)), np.array([7, 8, 7])
    scan, refused = Detections.of(0.0, z, noise, clutter=1e-9, identity=who)
    assert (len(scan.z), refused) == (2, 1)


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers, numbers), max_size=12), numbers)
def test_whatever_comes_the_tracks_stay_numbers(rows: list[tuple[float, ...]], time: float) -> None:
    tracker = JipdaTracker()
    z, noise = np.array([[0.0, 0.0]]), np.array([[100.0, 0.0, 100.0]])
    tracker.step(Detections.of(0.0, z, noise, clutter=1e-9)[0])
    table = np.array(rows, float).reshape(-1, 6)
    for when in (1.0, time):
        scan, refused = Detections.of(when, table[:, :2], table[:, 2:5], clutter=1e-9, at=table[:, 5])
        assert refused + len(scan.z) == len(rows)
        if not scan.of_a_time or scan.time >= 1.0:
            tracker.step(scan)
    kept = tracker.tracks
    assert np.isfinite(kept.mean[: kept.count]).all() and np.isfinite(kept.existence[: kept.count]).all()
