"""The tracker against textbook formulas, exact enumeration, chi-square bounds and hostile input."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker, Motion, TrackerSettings
from summit_fusion.jipda.associate import associate
from summit_fusion.jipda.gate import gate
from summit_fusion.jipda.intersect import add_tracklet, covariance_intersection, tracklet
from summit_fusion.jipda.layout import FULL, Floats
from summit_fusion.jipda.predict import mix, move

RUNS = 1000
CHI2_4_OF_1000 = (3.827, 4.177)
"""95 % bounds of the mean of 1,000 independent chi-square variables of 4 degrees of freedom (Bar-Shalom, 5.4)."""
CHI2_2_OF_1000 = (1.878, 2.126)


def packed(matrix: Floats) -> Floats:
    """The inverse of ``packed[FULL]``."""
    entries = np.empty(10)
    entries[FULL] = matrix
    return entries


def covariance(seed: int) -> Floats:
    root = np.random.default_rng(seed).normal(size=(4, 4))
    return np.asarray(root @ root.T + np.eye(4))


def transition(dt: float) -> Floats:
    matrix = np.eye(4)
    matrix[0, 2] = matrix[1, 3] = dt
    return matrix


def noise_of(dt: float, q: float) -> Floats:
    return q * np.kron(np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]), np.eye(2))


def scan(time: float, places: Any, sigma: float = 10.0, **more: Any) -> Detections:
    z = np.asarray(places, float).reshape(-1, 2)
    noise = np.tile([sigma**2, 0.0, sigma**2], (len(z), 1))
    return Detections.of(time, z, noise, **({"clutter": 1e-9} | more))[0]


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 1000), st.floats(0.01, 10.0), st.floats(0.0, 50.0))
def test_moving_is_the_textbook_prediction(seed: int, dt: float, q: float) -> None:
    cov, mean = covariance(seed), np.random.default_rng(seed).normal(size=4) * 100
    moved_mean, moved_cov = mean.copy(), packed(cov)
    move(moved_mean, moved_cov, dt, q)
    np.testing.assert_allclose(moved_mean, transition(dt) @ mean, rtol=1e-12, atol=1e-9)
    expected = transition(dt) @ cov @ transition(dt).T + noise_of(dt, q)
    np.testing.assert_allclose(moved_cov[FULL], expected, rtol=1e-10, atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_mixing_keeps_mean_and_second_moment(seed: int, cruise: float, leave: float, back: float) -> None:
    random = np.random.default_rng(seed)
    mean, cov = random.normal(size=(2, 4)) * 10, np.stack([packed(covariance(seed)), packed(covariance(seed + 1))])

    def moments(chance: float) -> tuple[Floats, Floats]:
        weights = (chance, 1.0 - chance)
        first = sum(w * m for w, m in zip(weights, mean, strict=True))
        second = sum(w * (c[FULL] + np.outer(m, m)) for w, m, c in zip(weights, mean, cov, strict=True))
        return np.asarray(first), np.asarray(second)

    before = moments(cruise)
    chance = mix(mean, cov, cruise, leave, back)
    assert chance == pytest.approx(cruise * (1 - leave) + (1 - cruise) * back)
    for was, now in zip(before, moments(chance), strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30), st.sampled_from([50.0, 500.0, 20_000.0]))
def test_the_grid_finds_what_looking_at_every_pair_finds(seed: int, tracks: int, seen: int, width: float) -> None:
    random = np.random.default_rng(seed)
    mean, cov = np.zeros((tracks, 2, 4)), np.zeros((tracks, 2, 10))
    mean[:, :, :2] = random.uniform(-width, width, (tracks, 1, 2))
    mean[:, :, 2:] = random.normal(0, 20, (tracks, 2, 2))
    for i, m in itertools.product(range(tracks), range(2)):
        cov[i, m] = packed(covariance(seed + i) * random.uniform(1, 300))
    z, noise = random.uniform(-width, width, (seen, 2)), np.tile([100.0, 5.0, 400.0], (seen, 1))
    lag = -random.uniform(0, 0.5, seen)
    start, edges, values = gate(mean, cov, tracks, z, noise, lag, 20.0)
    for i in range(tracks):
        expected = {}
        for j in range(seen):
            likely, distances = [], []
            for m in range(2):
                look = np.hstack([np.eye(2), lag[j] * np.eye(2)])
                total = look @ cov[i, m][FULL] @ look.T + np.array([[100.0, 5.0], [5.0, 400.0]])
                off = z[j] - look @ mean[i, m]
                distances.append(float(off @ np.linalg.solve(total, off)))
                likely.append(np.exp(-0.5 * distances[-1]) / (2 * np.pi * np.sqrt(np.linalg.det(total))))
            if min(distances) <= 20.0:
                expected[j] = likely
        found = {int(edges[e]): values[e] for e in range(start[i], start[i + 1])}
        assert found.keys() == expected.keys()
        for j, likely in expected.items():
            np.testing.assert_allclose(found[j], likely, rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
def test_belief_propagation_is_near_the_exact_marginals(seed: int, tracks: int, seen: int) -> None:
    """Without a loop it is exact. With loops it is too sure of itself, the more the rivals are alike (Williams and Lau,
    figure 4); psi of 0.05 to 20 between everybody and everything is far denser than what a gate leaves."""
    random = np.random.default_rng(seed)
    psi = random.uniform(0.05, 20.0, (tracks, seen))
    missed = random.uniform(0.1, 1.0, tracks)
    exact, whole = np.zeros((tracks, seen + 1)), 0.0
    for choice in itertools.product(range(-1, seen), repeat=tracks):
        used = [j for j in choice if j >= 0]
        if len(used) != len(set(used)):
            continue
        weight = float(np.prod([missed[i] if j < 0 else psi[i, j] for i, j in enumerate(choice)]))
        whole += weight
        for i, j in enumerate(choice):
            exact[i, j] += weight
    exact /= whole
    start = np.arange(0, tracks * seen + 1, seen)
    share, none, _ = associate(start, np.tile(np.arange(seen), tracks), psi.ravel(), missed, seen)
    tolerance = 1e-3 if tracks == 1 or seen == 1 else 0.25
    np.testing.assert_allclose(share.reshape(tracks, seen), exact[:, :seen], atol=tolerance)
    np.testing.assert_allclose(none, exact[:, seen], atol=tolerance)


def test_matched_linear_target_is_consistent() -> None:
    """NEES of the last state and NIS of the last innovation, one sample a run (Bar-Shalom et al., section 5.4)."""
    q, sigma, steps, random = 1.0, 10.0, 12, np.random.default_rng(3)
    motion = Motion(q_cruise=q, q_manoeuvre=q, speed_sigma_mps=15.0)
    assumed = TrackerSettings(motion=motion, mean_life_s=1e12, gate=1e3, birth_existence=0.5)
    apart = np.arange(RUNS) * 1e5  # a thousand runs at once: too far apart to know of each other
    state = np.zeros((RUNS, 4))
    state[:, 2:] = random.normal(0, 15.0, (RUNS, 2))
    root = np.linalg.cholesky(noise_of(1.0, q))
    tracker = JipdaTracker(assumed)
    innovations = np.empty(RUNS)
    for step in range(steps):
        if step:
            state = state @ transition(1.0).T + random.normal(size=(RUNS, 4)) @ root.T
        z = state[:, :2] + random.normal(0, sigma, (RUNS, 2))
        if step == steps - 1:
            expected = tracker.estimate(float(step))
            off = z - (expected.mean[:, :2] - np.stack([apart, 0 * apart], 1))
            total = expected.cov[:, :2, :2] + sigma**2 * np.eye(2)
            innovations = np.einsum("ni,nij,nj->n", off, np.linalg.inv(total), off)
        tracker.step(scan(float(step), z + np.stack([apart, 0 * apart], 1), sigma, clutter=1e-30, detect=0.999999))
    final = tracker.estimate(steps - 1.0)
    assert len(final.id) == RUNS
    error = final.mean - state
    error[:, 0] -= apart
    nees = float(np.mean(np.einsum("ni,nij,nj->n", error, np.linalg.inv(final.cov), error)))
    assert CHI2_4_OF_1000[0] <= nees <= CHI2_4_OF_1000[1]
    assert CHI2_2_OF_1000[0] <= float(np.mean(innovations)) <= CHI2_2_OF_1000[1]


def test_the_order_of_the_detections_of_a_scan_does_not_matter() -> None:
    random = np.random.default_rng(5)
    places, moves = random.uniform(0, 3000, (40, 2)), random.normal(0, 10, (40, 2))
    one, other = JipdaTracker(), JipdaTracker()
    for second in range(8):
        z = places + second * moves + random.normal(0, 10, (40, 2))
        one.step(scan(float(second), z))
        other.step(scan(float(second), z[::-1]))
    a, b = one.estimate(8.0), other.estimate(8.0)
    np.testing.assert_allclose(a.mean[np.lexsort(a.mean.T)], b.mean[np.lexsort(b.mean.T)], atol=0.05)


def test_the_same_scans_give_the_same_tracks_bit_by_bit() -> None:
    def run() -> bytes:
        random, tracker = np.random.default_rng(9), JipdaTracker()
        for second in range(10):
            tracker.step(scan(float(second), random.uniform(0, 500, (30, 2))))
        kept = tracker.tracks.copy()
        return kept.mean.tobytes() + kept.cov.tobytes() + kept.id.tobytes() + kept.existence.tobytes()

    assert run() == run()


def test_absence_inside_the_field_of_view_is_evidence_and_outside_is_none() -> None:
    def existence_after(view: tuple[float, float, float]) -> float:
        tracker = JipdaTracker()
        for second in range(5):
            tracker.step(scan(float(second), [(0.0, 0.0)]))
        for second in range(5, 8):
            tracker.step(scan(float(second), np.empty((0, 2)), view=view))
        return float(tracker.tracks.existence[0])

    assert existence_after((0.0, 0.0, 500.0)) < 0.4 < 0.9 < existence_after((9000.0, 0.0, 500.0))


def test_nonsense_is_refused_and_costs_nothing_good() -> None:
    z = np.array([[0.0, 0.0], [np.nan, 0.0], [0.0, np.inf], [5e9, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0]])
    noise = np.tile([100.0, 0.0, 100.0], (7, 1))
    noise[4] = (100.0, 100.0, 100.0)  # singular
    noise[5] = (-1.0, 0.0, 100.0)
    noise[6] = (0.0, 0.0, 0.0)
    good, refused = Detections.of(0.0, z, noise, clutter=1e-9)
    assert (len(good.z), refused) == (1, 6)
    late, refused = Detections.of(0.0, z[:1], noise[:1], clutter=1e-9, at=np.array([4.0]))
    assert (len(late.z), refused) == (0, 1)


def test_a_thousand_identical_detections_stay_bounded() -> None:
    tracker = JipdaTracker()
    for second in range(4):
        tracker.step(scan(float(second), np.zeros((1000, 2))))
    shown = tracker.estimate(4.0)
    assert np.isfinite(shown.mean).all() and np.isfinite(shown.cov).all()
    assert tracker.tracks.count <= 4000


def test_intersection_is_never_overconfident_and_near_the_central_filter() -> None:
    """Two local filters share process noise: 2,000 runs, sigma 10/10 and 5/30 m, q = 1 (central: 6.55 m)."""
    random, runs, q = np.random.default_rng(11), 2000, 1.0
    noises = [np.diag([100.0, 100.0]), np.diag([25.0, 900.0])]
    look, step, process = np.hstack([np.eye(2), np.zeros((2, 2))]), transition(1.0), noise_of(1.0, q)

    def updated(mean: Floats, cov: Floats, z: Floats, noise: Floats) -> tuple[Floats, Floats]:
        gain = cov @ look.T @ np.linalg.inv(look @ cov @ look.T + noise)
        return mean + (z - mean @ look.T) @ gain.T, cov - gain @ look @ cov

    prior = np.diag([100.0, 100.0, 225.0, 225.0])
    state = random.normal(size=(runs, 4)) * np.sqrt(np.diag(prior))
    local = [(np.zeros((runs, 4)), prior) for _ in noises]
    central, by_tracklets = (np.zeros((runs, 4)), prior), (np.zeros((runs, 4)), prior)
    for _ in range(15):
        state = state @ step.T + random.normal(size=(runs, 4)) @ np.linalg.cholesky(process).T
        predicted = [(mean @ step.T, step @ cov @ step.T + process) for mean, cov in local]
        central = (central[0] @ step.T, step @ central[1] @ step.T + process)
        by_tracklets = (by_tracklets[0] @ step.T, step @ by_tracklets[1] @ step.T + process)
        for k, noise in enumerate(noises):
            z = state[:, :2] + random.normal(size=(runs, 2)) @ np.linalg.cholesky(noise).T
            local[k] = updated(*predicted[k], z, noise)
            central = updated(*central, z, noise)
            vector, matrix = tracklet(predicted[k][0].T, predicted[k][1], local[k][0].T, local[k][1])
            mean, cov = add_tracklet(by_tracklets[0].T, by_tracklets[1], vector, matrix)
            by_tracklets = (mean.T, cov)
    mean, cov = covariance_intersection(local[0][0].T, local[0][1], local[1][0].T, local[1][1])
    error = mean.T - state
    rms = float(np.sqrt(np.mean(np.sum(error[:, :2] ** 2, 1))))
    best = float(np.sqrt(np.mean(np.sum((central[0] - state)[:, :2] ** 2, 1))))
    assert rms <= 1.05 * best
    assert float(np.mean(np.einsum("ni,ij,nj->n", error, np.linalg.inv(cov), error))) <= 4.125
    np.testing.assert_allclose(by_tracklets[0], central[0], atol=1e-6)
    np.testing.assert_allclose(by_tracklets[1], central[1], atol=1e-6)
