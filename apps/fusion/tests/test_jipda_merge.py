"""Tracks that come near each other: two targets stay two tracks, two tracks of one target become one."""

from itertools import pairwise
from time import thread_time

import numpy as np
import pytest
from summit_fusion.jipda import Detections, JipdaTracker, LateTracker
from summit_fusion.jipda import tracker as engine
from summit_fusion.jipda.associate import associate
from summit_fusion.jipda.coalesce import keep_apart
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.merge import Duplicates, merge

SIGMA = 10.0


def scan(time: float, places: Floats, first_key: int = 0, sensor: str = "radar") -> Detections:
    z = np.asarray(places, float).reshape(-1, 2)
    noise, keys = np.tile([SIGMA**2, 0.0, SIGMA**2], (len(z), 1)), first_key + np.arange(len(z))
    return Detections.of(time, z, noise, clutter=1e-8, sensor=sensor, key=keys)[0]


def crossings(pairs: int = 60, seconds: int = 30) -> tuple[Floats, Floats]:
    """Pairs that come within metres of each other at an angle of 40 degrees, far from the other pairs: start, speed."""
    middle = np.stack([np.arange(pairs) * 20_000.0, np.zeros(pairs)], 1)
    angle = np.radians(20.0)
    speed = np.array([[20 * np.cos(angle), 20 * np.sin(angle)], [20 * np.cos(angle), -20 * np.sin(angle)]])
    place = middle[:, None, :] - speed[None] * (seconds / 2)
    return place.reshape(-1, 2), np.tile(speed, (pairs, 1))


def exchanged(seconds: int = 30) -> int:
    """Targets that have another track after the crossing than before it."""
    random, tracker = np.random.default_rng(4), JipdaTracker()
    place, speed = crossings(seconds=seconds)
    owner = []
    for second in range(seconds):
        true = place + second * speed
        seen = random.random(len(true)) < 0.9
        tracker.step(scan(float(second), (true + random.normal(0, SIGMA, true.shape))[seen], 1000 * second))
        if second in (seconds // 2 - 6, seconds - 1):
            shown = tracker.estimate(float(second))
            gap = np.hypot(*(true[:, None, :] - shown.mean[None, :, :2]).transpose(2, 0, 1))
            owner.append(np.where(gap.min(1) < 40.0, shown.id[gap.argmin(1)], -1))
    return int(sum(np.sum((a != b) & (a >= 0) & (b >= 0)) for a, b in pairwise(owner)))


def test_two_that_cross_are_told_apart_better_than_by_soft_shares_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = exchanged()
    monkeypatch.setattr(engine, "keep_apart", lambda *_: None)
    soft = exchanged()
    assert guarded <= soft
    assert guarded <= 0.1 * 120


def test_what_two_tracks_share_keeps_its_sums() -> None:
    random = np.random.default_rng(8)
    for _ in range(50):
        tracks, seen = 4, 5
        psi, missed = random.uniform(0.1, 20.0, tracks * seen), random.uniform(0.1, 1.0, tracks)
        start, edges = np.arange(0, tracks * seen + 1, seen), np.tile(np.arange(seen), tracks)
        share, _, _ = associate(start, edges, psi, missed, seen)
        sharp = share.copy()
        keep_apart(start, edges, psi, sharp, tracks, seen)
        both = share.reshape(tracks, seen), sharp.reshape(tracks, seen)
        np.testing.assert_allclose(both[0].sum(1), both[1].sum(1), atol=1e-12)
        np.testing.assert_allclose(both[0].sum(0), both[1].sum(0), atol=1e-12)
        assert sharp.min() >= -1e-12


def doubled() -> tuple[LateTracker, int, int]:
    """One target with two tracks, the second of which began later."""
    tracker = LateTracker(reorder_s=0.0)
    for second in range(6):
        tracker.take(scan(float(second), np.array([[20.0 * second, 0.0]]), second))
    tracker.settle()
    live = tracker.now.tracks
    twin = live.select(np.array([0]))
    twin.id[0], twin.born[0], twin.origin[0], twin.seen_at[0] = 77, 3.0, 999, 4.0
    live.replace(np.empty(0, np.int64), twin)
    return tracker, int(live.id[0]), 77


def test_two_tracks_of_one_target_are_merged_and_the_older_identity_wins() -> None:
    tracker, old, young = doubled()
    duplicates, found = Duplicates(), []
    for second in range(6, 12):
        tracker.take(scan(float(second), np.array([[20.0 * second, 0.0]]), second))
        tracker.settle()
        for kept, lost in duplicates.look(tracker):
            merge(tracker, kept, lost)
            found.append((second, kept, lost))
    assert found == [(8, old, young)]
    tracker.take(scan(9.0, np.array([[180.0, 3.0]]), 50, "eo"))
    assert tracker.estimate(12.0).id.tolist() == [old]
    assert all(young not in moment.track and young not in moment.before.id for moment in tracker.ring)


def test_two_targets_side_by_side_are_never_merged() -> None:
    random, tracker, duplicates = np.random.default_rng(2), LateTracker(reorder_s=0.0), Duplicates()
    for second in range(60):
        places = np.array([[20.0 * second, 0.0], [20.0 * second, 35.0]]) + random.normal(0, SIGMA, (2, 2))
        tracker.take(scan(float(second), places[random.random(2) < 0.9], 10 * second))
        tracker.settle()
        assert duplicates.look(tracker) == []
    assert len(tracker.estimate(60.0).id) == 2


def test_looking_for_duplicates_costs_little() -> None:
    random, tracker, duplicates = np.random.default_rng(3), LateTracker(reorder_s=0.0), Duplicates()
    place, speed = random.uniform(0, 20_000, (2000, 2)), random.normal(0, 15, (2000, 2))
    spent = {"track": 0.0, "look": 0.0}
    for second in range(16):
        began = thread_time()
        tracker.take(scan(float(second), place + second * speed + random.normal(0, SIGMA, place.shape), 5000 * second))
        tracker.settle()
        between = thread_time()
        duplicates.look(tracker)
        if second >= 4:
            spent["track"] += between - began
            spent["look"] += thread_time() - between
    assert spent["look"] < 0.25 * spent["track"], spent
