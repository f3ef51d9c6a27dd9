"""Late data: whatever order detections come in, the picture is that of the same detections in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, Estimate, JipdaTracker, LateTracker

SENSORS = (("adsb", 1.0, 0.0, 10.0), ("radar", 1.0, 0.37, 20.0), ("eo", 2.0, 0.37, 15.0))
CLUTTER = 1e-7


def scene(seed: int, targets: int = 6, seconds: float = 8.0, width: float = 900.0) -> list[Detections]:
    """Targets that cross each other, with misses, births and false detections; a scan a sensor and time, in order."""
    random, scans, key = np.random.default_rng(seed), [], 0
    begin = random.choice([0.0, 0.0, 3.0], targets)
    place, speed = random.uniform(0, width, (targets, 2)), random.normal(0, 25, (targets, 2))
    for sensor, period, offset, sigma in SENSORS:
        for time in np.arange(offset, seconds, period):
            seen = (place + speed * time)[(begin <= time) & (random.random(targets) < 0.9)]
            wrong = random.uniform(0, width, (random.poisson(2.0), 2))
            z = np.concatenate([seen + random.normal(0, sigma, seen.shape), wrong])
            noise = np.tile([sigma**2, 0.0, sigma**2], (len(z), 1))
            keys = key + random.permutation(len(z))
            key += len(z)
            scans.append(Detections.of(float(time), z, noise, clutter=CLUTTER, sensor=sensor, key=keys)[0])
    return sorted(scans, key=lambda scan: (scan.time, scan.sensor))


def part(scan: Detections, chosen: np.ndarray) -> Detections:
    assert scan.key is not None
    z, noise = scan.z[chosen], scan.noise[chosen]
    return Detections.of(scan.time, z, noise, clutter=CLUTTER, sensor=scan.sensor, key=scan.key[chosen])[0]


def arrivals(scans: list[Detections], seed: int, late: float, horizon_s: float) -> list[Detections]:
    """The same detections, some pieces and some whole scans up to almost ``horizon_s`` later."""
    random, pieces = np.random.default_rng(seed), []
    for scan in scans:
        delayed = np.full(len(scan.z), random.random() < 0.15) | (random.random(len(scan.z)) < late)
        if not delayed.all():
            pieces.append((scan.time, scan.sensor, part(scan, np.flatnonzero(~delayed))))
        for k in np.flatnonzero(delayed):
            pieces.append((scan.time + random.uniform(0, horizon_s), scan.sensor, part(scan, np.array([k]))))
    return [piece for _, _, piece in sorted(pieces, key=lambda one: one[:2])]


def run(pieces: list[Detections], reorder_s: float = 0.25) -> tuple[LateTracker, Estimate]:
    tracker = LateTracker(horizon_s=3.3, reorder_s=reorder_s)
    for piece in pieces:
        assert tracker.take(piece) == []
    return tracker, tracker.estimate(8.5)


def assert_same(one: Estimate, other: Estimate) -> None:
    assert len(one.id) == len(other.id)
    a, b = (np.lexsort((e.mean[:, 1].round(3), e.mean[:, 0].round(3))) for e in (one, other))
    np.testing.assert_allclose(one.mean[a], other.mean[b], atol=1e-6)
    np.testing.assert_allclose(one.cov[a], other.cov[b], atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(one.existence[a], other.existence[b], atol=1e-6)


@settings(max_examples=60, deadline=None)  # the first call compiles
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([0.02, 0.2, 0.6]), st.sampled_from([0.0, 0.4]))
def test_any_split_gives_the_picture_of_the_sorted_run(seed: int, split: int, late: float, reorder_s: float) -> None:
    scans = [scan for scan in scene(seed) if len(scan.z)]
    _, expected = run(scans)
    tracker, shown = run(arrivals(scans, split, late, 3.2), reorder_s)
    assert tracker.too_late == 0
    assert_same(shown, expected)
    assert len(set(tracker.now.tracks.id[: tracker.now.tracks.count])) == tracker.now.tracks.count


def test_in_order_it_is_the_plain_tracker() -> None:
    plain = JipdaTracker()
    scans = [scan.in_order() for scan in scene(3)]
    for scan in scans:
        plain.step(scan)
    tracker, shown = run(scans)
    assert tracker.repeated == 0
    np.testing.assert_array_equal(plain.estimate(8.5).mean, shown.mean)
    np.testing.assert_array_equal(plain.estimate(8.5).id, shown.id)


def test_the_same_arrivals_give_the_same_bits() -> None:
    pieces = arrivals([scan for scan in scene(5) if len(scan.z)], 1, 0.2, 3.2)
    (_, one), (_, other) = run(pieces), run(pieces)
    for name in ("id", "mean", "cov", "existence"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert len(one.id) > 0


def lone(time: float, key: int, east: float | None = None) -> Detections:
    z = np.array([[20.0 * time if east is None else east, 0.0]])
    noise, keys = np.array([[100.0, 0.0, 100.0]]), np.array([key])
    return Detections.of(time, z, noise, clutter=CLUTTER, sensor="radar", key=keys)[0]


def test_an_identity_outlives_an_earlier_first_detection() -> None:
    """Its birth moves to a detection that came late; the track that was already shown keeps its id."""
    tracker = LateTracker(reorder_s=0.0)
    tracker.take(lone(0.0, 0, east=9000.0))  # so that the late scan is known
    for k in (2, 3, 4):
        tracker.take(lone(0.5 * k, k))
    shown = tracker.estimate(2.0).id.tolist()
    assert len(shown) == 1
    tracker.take(lone(0.0, 1))
    tracker.take(lone(2.5, 5))
    after = tracker.estimate(2.5)
    assert after.id.tolist() == shown
    assert tracker.repeated > 0


def test_what_is_older_than_the_window_is_counted_and_handed_back() -> None:
    tracker = LateTracker(horizon_s=3.0, reorder_s=0.0)
    for k in range(10):
        tracker.take(lone(float(k), k))
    before = tracker.estimate(9.0)
    tracker.take(lone(2.0, 100))
    assert [piece.time for piece in tracker.settle()] == [2.0]
    assert tracker.too_late == 1
    np.testing.assert_array_equal(tracker.estimate(9.0).mean, before.mean)
    assert len(tracker.ring) <= 5


def test_what_comes_twice_counts_once() -> None:
    tracker = LateTracker(reorder_s=0.0)
    for k in range(6):
        tracker.take(lone(float(k), k))
    before = tracker.estimate(5.0)
    tracker.take(lone(4.0, 4))
    np.testing.assert_array_equal(tracker.estimate(5.0).mean, before.mean)


def test_far_tracks_are_left_alone() -> None:
    tracker = LateTracker(reorder_s=0.0)
    z = np.array([[5000.0 * k, 0.0] for k in range(50)])
    noise = np.tile([100.0, 0.0, 100.0], (50, 1))
    for second in range(5):
        keys = 50 * second + np.arange(50)
        held = np.arange(50) != 7 if second == 3 else np.full(50, True)
        tracker.take(
            Detections.of(float(second), z[held], noise[held], clutter=CLUTTER, sensor="radar", key=keys[held])[0]
        )
    tracker.settle()
    tracker.take(Detections.of(3.0, z[7:8], noise[7:8], clutter=CLUTTER, sensor="radar", key=np.array([157]))[0])
    tracker.settle()
    assert tracker.repeated == 2  # one track, two scans


def test_a_piece_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="keys"):
        LateTracker().take(Detections.of(0.0, np.zeros((1, 2)), np.array([[1.0, 0.0, 1.0]]), clutter=CLUTTER)[0])
