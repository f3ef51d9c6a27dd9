"""Hindsight: who is who where targets come near each other, and where they were, told by what came afterwards."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker
from summit_fusion.jipda.encounters import AFTER_S, meet, regroup
from summit_fusion.jipda.hindsight import Hindsight
from summit_fusion.jipda.hypotheses import follow, select, ways
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.lookback import smoothed
from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import History, smooth
from summit_fusion.jipda.tracker import Estimate

MOTION = np.array([0.1, 25.0, 40.0, 8.0, 150.0])
SIGMA = 15.0


def crossing(seed: int, gap: float, speed: float) -> tuple[Floats, list[Estimate], list[Estimate]]:
    """Two targets that pass each other ``gap`` metres apart at 10 s: their places (second, target, 2), the pictures as
    they were and in hindsight."""
    random, noise = np.random.default_rng(seed), np.tile([SIGMA**2, 0.0, SIGMA**2], (2, 1))
    truth = np.array([[[side * speed * (t - 10.0), side * gap / 2.0] for side in (-1, 1)] for t in np.arange(21.0)])
    trackers = JipdaTracker(), JipdaTracker()
    afterwards, before = Hindsight(trackers[0]), []
    for second, places in enumerate(truth):
        z = places[random.permutation(2)] + random.normal(0.0, SIGMA, (2, 2))
        for tracker in trackers:
            tracker.step(Detections.of(float(second), z, noise, clutter=1e-8)[0])
        afterwards.show(float(second))
        before.append(trackers[1].estimate(float(second)))
    return truth, before, afterwards.amended()


def owners(picture: Estimate, truth: Floats) -> list[int]:
    """The id of the track nearest to each target."""
    return [int(picture.id[np.hypot(*(picture.mean[:, :2] - place).T).argmin()]) for place in truth]


def test_targets_that_cross_keep_their_identities_and_are_told_better_places() -> None:
    swapped = {"before": 0, "after": 0}
    square = {"before": 0.0, "after": 0.0}
    for seed in range(30):
        truth, before, after = crossing(seed, 10.0, 12.0)
        for name, pictures in (("before", before), ("after", after)):
            swapped[name] += owners(pictures[5], truth[5]) != owners(pictures[20], truth[20])
            for second in range(8, 13):
                ids = owners(pictures[5], truth[5])
                row = [int(np.flatnonzero(pictures[second].id == one)[0]) for one in ids]
                square[name] += float(((pictures[second].mean[row, :2] - truth[second]) ** 2).sum())
    assert swapped["after"] <= min(1, swapped["before"])
    assert square["after"] < 0.5 * square["before"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 60.0), st.floats(1.0, 30.0))
def test_no_picture_gains_or_loses_a_track_and_no_identity_is_twice_in_one(seed: int, gap: float, speed: float) -> None:
    _, before, after = crossing(seed, gap, speed)
    for one, other in zip(before, after, strict=True):
        assert len(other.id) == len(one.id) == len(set(other.id.tolist()))
        assert other.time == one.time
        assert set(other.id.tolist()) == set(one.id.tolist())
        assert np.isfinite(other.mean).all()
        assert (np.linalg.eigvalsh(other.cov) > 0.0).all()


def test_targets_that_never_meet_are_shown_as_they_were() -> None:
    _, before, after = crossing(1, 2000.0, 10.0)
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.id, other.id)
        assert np.array_equal(one.mean, other.mean)


def test_pictures_that_are_taken_in_parts_keep_the_names_of_the_parts_before() -> None:
    tracker = JipdaTracker()
    afterwards = Hindsight(tracker)
    assert afterwards.amended() == []
    tracker.next_id = 4
    empty = Estimate(1.0, np.array([0, 1, 3]), np.zeros((3, 4)), np.zeros((3, 4, 4)), np.ones(3))
    first = afterwards._renamed([empty], np.array([2.0, 2.0]), np.array([0, 1]), np.array([1, 0]))
    then = afterwards._renamed([empty], np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    assert first[0].id.tolist() == [0, 1, 3]
    assert then[0].id.tolist() == [1, 0, 3]


def test_groups_are_joined_by_a_track_that_both_have_at_one_time() -> None:
    pairs = np.array([[1, 2], [3, 4], [2, 3], [1, 5], [6, 7]])
    times = np.array([0.0, 0.5, 1.0, 1.0 + AFTER_S, 9.0])
    group = regroup(pairs, times, 8)
    assert len(set(group[:4].tolist())) == 1
    assert group[4] != group[0]
    assert regroup(np.array([[1, 2], [1, 2]]), np.array([0.0, AFTER_S + 0.1]), 3).tolist() == [0, 1]


def test_a_group_lasts_until_its_last_meeting_is_over() -> None:
    company, leader, until = np.full(4, -1), np.zeros(4, np.int64), np.zeros(4)
    groups = meet(company, leader, until, 0, 0, 1, 0.0)
    assert (groups, until[0]) == (1, AFTER_S)
    groups = meet(company, leader, until, groups, 1, 2, 1.0)
    assert (groups, until[0]) == (1, 1.0 + AFTER_S)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(0, 3))
def test_ways_are_all_those_in_which_no_detection_has_two_targets(seed: int, targets: int, options: int) -> None:
    score = np.random.default_rng(seed).normal(size=(targets, 1 + options))
    found, weights = np.empty((512, targets), np.int64), np.empty(512)
    room = np.empty(targets, np.int64), np.empty(targets + 1), np.empty(targets)
    here = np.ones(targets, np.int64)
    used = ways(score, here, options, 0.0, -np.inf, found, weights, 0, *room)
    expected = {
        digits: sum(score[i, d] for i, d in enumerate(digits))
        for digits in np.ndindex(*[1 + options] * targets)
        if len([d for d in digits if d]) == len({d for d in digits if d})
    }
    got = {tuple(row.tolist()): weight for row, weight in zip(found[:used], weights[:used], strict=True)}
    assert got.keys() == expected.keys()
    assert all(abs(got[key] - expected[key]) < 1e-9 for key in got)
    best = max(expected.values())
    near = ways(score, here, options, 0.0, best - 0.5, found, weights, 0, *room)
    assert near == sum(weight >= best - 0.5 for weight in expected.values())


def test_the_likeliest_come_first_and_the_hopeless_not_at_all() -> None:
    kept = np.empty(3, np.int64)
    assert select(np.array([-20.0, -1.0, -2.0, -3.0, -1.5]), 5, kept) == 3
    assert kept.tolist() == [1, 4, 2]
    assert select(np.array([0.0, -20.0]), 2, kept) == 1


def test_the_likeliest_assignment_of_a_plain_scene_is_the_true_one() -> None:
    times = np.arange(6.0)
    z = np.array([[[10.0 * t, 0.0], [200.0 - 10.0 * t, 0.0]] for t in times]).reshape(-1, 2)
    mean, cov = np.zeros((2, 2, 4)), np.zeros((2, 2, 10))
    mean[1, :, 0], mean[0, :, 2], mean[1, :, 2] = 200.0, 10.0, -10.0
    cov[..., [0, 2]], cov[..., [7, 9]] = 100.0, 4.0
    way = follow(
        mean, cov, np.full(2, 0.7), np.zeros(2, np.int64), times, np.full((6, 2), 0.9), np.arange(0, 13, 2),
        np.full(12, 1e8), z, np.tile([100.0, 0.0, 100.0], (12, 1)), np.zeros(12), MOTION, 1e9,
    )  # fmt: skip
    assert way.tolist() == [[2 * s, 2 * s + 1] for s in range(6)]


def test_looking_back_is_the_smoother_of_one_model_where_both_are_alike() -> None:
    random, at = np.random.default_rng(3), np.arange(8.0)
    z = np.column_stack([12.0 * at, 3.0 * at]) + random.normal(0.0, 10.0, (8, 2))
    noise = np.tile([100.0, 20.0, 150.0], (8, 1))
    motion = Motion(q_cruise=0.5, q_manoeuvre=0.5, speed_sigma_mps=20.0)
    whole = smooth([History(at, z, noise)], motion)[0]
    mean, cov = np.zeros((1, 2, 4)), np.zeros((1, 2, 10))
    mean[0, :, :2], cov[0, :, :3], cov[0, :, [7, 9]] = z[0], noise[0], 400.0
    row = np.array([0.5, 0.5, motion.stay_cruise_s, motion.stay_manoeuvre_s, 150.0])
    seen = np.arange(-1, 7) + 1
    seen[0] = -1
    got, got_cov = smoothed(mean, cov, np.full(1, motion.cruises), 0, at, seen, z, noise, np.zeros(8), row)
    expected, expected_cov = whole.at(at)
    assert np.allclose(got, expected, atol=1e-6)
    assert np.allclose(got_cov, expected_cov, atol=1e-6)
