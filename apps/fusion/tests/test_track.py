"""Positions to tracks: consistency of the filter, association, life cycle, restoration."""

import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.geo import LocalFrame, distance_m
from summit_core.model import Position
from summit_fusion.track import Track, Tracker
from summit_fusion.track.filter import innovate, predict, process_noise, update
from summit_fusion.track.grid import Grid

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOME = LocalFrame(43.7, 5.3)


def seen(
    t: float,
    east: float,
    north: float,
    *,
    source: str = "radar",
    identity: str | None = None,
    sigma: float = 10.0,
    frame: LocalFrame = HOME,
    class_: str | None = None,
    recording: str | None = None,
) -> Position:
    lat, lon = frame.to_geodetic(east, north)
    return Position(
        source=source,
        observed_at=START + timedelta(seconds=t),
        lat=lat,
        lon=lon,
        sigma_m=sigma,
        identity=identity,
        class_=class_,
        recording=recording,
    )


def run_filter(runs: int, steps: int, q: float, sigma: float, seed: int) -> tuple[list[float], list[float]]:
    """NEES after the last step of each run (independent samples) and NIS of every step, with the model matched."""
    random = np.random.default_rng(seed)
    noise, birth = np.eye(2) * sigma**2, np.diag([sigma**2, sigma**2, 100.0, 100.0])
    nees, nis = [], []
    for _ in range(runs):
        truth = random.multivariate_normal(np.zeros(4), np.diag([0.0, 0.0, 100.0, 100.0]))
        state, cov = np.array([*(truth[:2] + random.normal(0, sigma, 2)), 0.0, 0.0]), birth
        for _ in range(steps):
            moved, _ = predict(truth, np.zeros((4, 4)), 1.0, 0.0)
            truth = random.multivariate_normal(moved, process_noise(1.0, q))
            state, cov = predict(state, cov, 1.0, q)
            innovation = innovate(state, cov, truth[:2] + random.normal(0, sigma, 2), noise)
            nis.append(innovation.distance)
            state, cov = update(state, cov, innovation, noise)
        error = truth - state
        nees.append(float(error @ np.linalg.solve(cov, error)))
    return nees, nis


def test_matched_filter_is_consistent() -> None:
    """Chi-square 95 % bounds: NEES of 1,000 runs in [3.827, 4.177], NIS of 10,000 in [1.961, 2.040]."""
    nees, nis = run_filter(runs=1000, steps=10, q=0.5, sigma=10.0, seed=2)
    assert 3.827 <= float(np.mean(nees)) <= 4.177
    assert 1.961 <= float(np.mean(nis)) <= 2.040


def test_covariance_is_the_recursive_cramer_rao_bound() -> None:
    """J' = (Q + F J^-1 F')^-1 + H'R^-1 H gives the same covariance as the Joseph form."""
    noise, q, cov = np.diag([100.0, 400.0]), 2.0, np.diag([100.0, 400.0, 900.0, 900.0])
    information = np.linalg.inv(cov)
    transition = np.eye(4)
    transition[0, 2] = transition[1, 3] = 2.0
    for _ in range(20):
        predicted = process_noise(2.0, q) + transition @ np.linalg.inv(information) @ transition.T
        information = np.asarray(np.linalg.inv(predicted), np.float64)
        information[:2, :2] += np.linalg.inv(noise)
        _, cov = predict(np.zeros(4), cov, 2.0, q)
        _, cov = update(np.zeros(4), cov, innovate(np.zeros(4), cov, np.zeros(2), noise), noise)
    assert np.allclose(cov, np.linalg.inv(information), rtol=1e-9)


@settings(max_examples=100)
@given(st.floats(1e-3, 1e4), st.floats(1e-3, 1e3), st.floats(0.0, 1e3), st.floats(-1e5, 1e5))
def test_covariance_stays_symmetric_and_positive(sigma: float, q: float, dt: float, away: float) -> None:
    state, cov = predict(np.zeros(4), np.diag([1.0, 1e8, 1e-2, 1e4]), dt, q)
    noise = np.eye(2) * sigma**2
    _, cov = update(state, cov, innovate(state, cov, np.array([away, -away]), noise), noise)
    assert np.array_equal(cov, cov.T)
    assert np.linalg.eigvalsh(cov).min() > -1e-9 * np.abs(cov).max()


def follow(tracker: Tracker, positions: list[Position]) -> list[str]:
    return [found.track.id for found in map(tracker.observe, positions) if found]


@pytest.mark.parametrize(("speed", "class_"), [(1.0, "crew"), (30.0, None), (250.0, None), (250.0, "aircraft")])
def test_one_mover_is_one_confirmed_track(speed: float, class_: str | None) -> None:
    random, tracker = np.random.default_rng(4), Tracker()
    positions = [seen(t, speed * t + random.normal(0, 10), random.normal(0, 10), class_=class_) for t in range(60)]
    assert len(set(follow(tracker, positions))) == 1
    track = next(iter(tracker.tracks.values()))
    assert track.phase == "confirmed" and track.existence > 0.99 and track.updates == 60
    assert distance_m(track.lat, track.lon, *HOME.to_geodetic(speed * 59, 0)) < 25
    assert track.velocity_enu_mps[0] == pytest.approx(speed, abs=8)
    assert len(track.observations) == 16


def test_gate_rejects_a_far_point() -> None:
    tracker = Tracker()
    follow(tracker, [seen(t, 10.0 * t, 0.0) for t in range(10)])
    stray = tracker.observe(seen(10, 100.0, 900.0))
    assert stray is not None and stray.change == "initiated" and stray.track.phase == "tentative"
    assert len(tracker.tracks) == 2


def test_identity_keeps_the_track_through_a_gap() -> None:
    tracker = Tracker()
    first = tracker.observe(seen(0, 0, 0, identity="icao:ab12cd"))
    follow(tracker, [seen(t, 200.0 * t, 0, identity="icao:ab12cd") for t in range(1, 10)])
    tracker.sweep(START + timedelta(seconds=60))
    again = tracker.observe(seen(90, 18_000, 4_000, identity="icao:ab12cd"))
    assert first is not None and first.change == "confirmed"
    assert again is not None and again.track.id == first.track.id and again.track.freshness == "live"


def test_an_identity_that_jumps_begins_anew_under_its_id() -> None:
    tracker = Tracker()
    ids = follow(tracker, [seen(t, 5.0 * t, 0, identity="mmsi:235012345") for t in range(10)])
    jumped = tracker.observe(seen(10, 90_000, 0, identity="mmsi:235012345"))
    assert jumped is not None and jumped.track.id == ids[0] and tracker.counts["jump"] == 1
    assert distance_m(jumped.track.lat, jumped.track.lon, *HOME.to_geodetic(90_000, 0)) < 1


def test_two_identities_side_by_side_stay_two() -> None:
    tracker = Tracker()
    for t in range(20):
        for name, north in (("icao:aaaaaa", 0.0), ("icao:bbbbbb", 15.0)):
            tracker.observe(seen(t, 50.0 * t, north, identity=name, source="adsb"))
    assert sorted(track.identities for track in tracker.tracks.values()) == [("icao:aaaaaa",), ("icao:bbbbbb",)]


def test_radar_and_adsb_of_one_aircraft_are_one_track() -> None:
    tracker = Tracker()
    for t in range(10):
        tracker.observe(seen(t, 100.0 * t, 0, identity="icao:ab12cd", source="adsb"))
        tracker.observe(seen(t + 0.4, 100.0 * (t + 0.4), 5, source="radar"))
    (track,) = tracker.tracks.values()
    assert track.sources == ("adsb", "radar") and track.updates == 20


def test_two_crossing_targets_keep_their_tracks() -> None:
    random, tracker = np.random.default_rng(9), Tracker()
    for t in range(60):
        for sign in (1.0, -1.0):
            noise = random.normal(0, 5, 2)
            tracker.observe(seen(t, 20.0 * (t - 30) + noise[0], sign * 12.0 * (t - 30) + noise[1], sigma=5))
    assert len(tracker.tracks) == 2
    ends = sorted(HOME.to_enu(track.lat, track.lon)[1] for track in tracker.tracks.values())
    norths = sorted(track.velocity_enu_mps[1] for track in tracker.tracks.values())
    assert ends == pytest.approx([-348, 348], abs=20)
    assert norths == pytest.approx([-12, 12], abs=4)


def test_late_observations_are_counted_and_change_nothing() -> None:
    tracker = Tracker()
    follow(tracker, [seen(t, 10.0 * t, 0) for t in (0, 1, 2, 3, 5)])
    before = dict(tracker.tracks)
    assert tracker.observe(seen(4, 40, 0)) is None
    assert tracker.counts["late"] == 1 and tracker.tracks == before


def test_duplicates_do_not_count_twice() -> None:
    tracker, positions = Tracker(), [seen(t, 10.0 * t, 0) for t in range(5)]
    follow(tracker, positions)
    before = dict(tracker.tracks)
    assert follow(tracker, positions) == []
    assert tracker.counts["duplicate"] == 5 and tracker.tracks == before


def test_recordings_do_not_mix_with_the_live_picture() -> None:
    tracker = Tracker()
    follow(tracker, [seen(t, 0, 0, identity="icao:ab12cd", recording=r) for t in range(3) for r in (None, "drill")])
    assert sorted((t.recording or "", t.updates) for t in tracker.tracks.values()) == [("", 3), ("drill", 3)]


def test_restored_tracker_goes_on_exactly() -> None:
    random = np.random.default_rng(1)
    positions = [
        seen(t, k * 2_000 + 15.0 * t + random.normal(0, 10), random.normal(0, 10), source=f"s{k % 2}")
        for t in range(40)
        for k in range(5)
    ]
    whole, first = Tracker(), Tracker()
    follow(whole, positions)
    follow(first, positions[:100])
    second = Tracker()
    second.restore(first.tracks.values())
    assert second.observe(positions[99]) is None and second.counts["duplicate"] == 1
    follow(second, positions[100:])
    assert second.tracks == whole.tracks


def test_silence_coasts_loses_and_deletes() -> None:
    tracker = Tracker()
    follow(tracker, [seen(t, 10.0 * t, 0) for t in range(10)])
    assert tracker.sweep(START + timedelta(seconds=12)) == []
    changes = [found.change for s in range(13, 400, 3) for found in tracker.sweep(START + timedelta(seconds=s))]
    assert changes == ["stale", "lost", "deleted"]
    assert tracker.tracks == {} and tracker.observe(seen(9, 90, 0)) is not None


def test_coasting_track_takes_up_again_where_it_was_going() -> None:
    tracker = Tracker()
    ids = follow(tracker, [seen(t, 30.0 * t, 0) for t in range(20)])
    tracker.sweep(START + timedelta(seconds=35))
    again = tracker.observe(seen(40, 1_200, 0))
    assert again is not None and again.track.id == ids[0]


@pytest.mark.parametrize("cov", [((-1.0, 0.0), (0.0, 4.0)), ((math.nan, 0.0), (0.0, 1.0)), ((1.0, 5.0), (5.0, 1.0))])
def test_a_matrix_that_is_no_covariance_is_not_believed(cov: tuple[tuple[float, float], tuple[float, float]]) -> None:
    tracker = Tracker()
    lat, lon = HOME.to_geodetic(0, 0)
    for t in range(3):
        tracker.observe(Position(source="x", observed_at=START + timedelta(seconds=t), lat=lat, lon=lon, cov_m2=cov))
    (track,) = tracker.tracks.values()
    assert np.isfinite(track.cov).all() and track.cov[0] < 25.0**2


@pytest.mark.parametrize("place", [(0.0, 179.999), (-16.8, -179.999), (80.0, 10.0), (-85.0, 0.0)])
def test_tracks_cross_the_antimeridian_and_live_far_north(place: tuple[float, float]) -> None:
    tracker, frame = Tracker(), LocalFrame(*place)
    ids = follow(tracker, [seen(t, 60.0 * (t - 10), 0, frame=frame) for t in range(20)])
    assert len(set(ids)) == 1


@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(0, 15_000), st.floats(0, 2 * math.pi))
def test_grid_finds_whatever_is_within_reach(lat: float, lon: float, reach: float, angle: float) -> None:
    grid = Grid()
    grid.file("trk-1", lat, lon, reach)
    east, north = 0.99 * reach * math.cos(angle), 0.99 * reach * math.sin(angle)
    scale = 111_320.0
    near = (lat + north / scale, lon + east / scale / max(math.cos(math.radians(lat)), 0.02))
    assert grid.near(*near) == ["trk-1"]
    grid.remove("trk-1")
    assert grid.near(*near) == []


def test_cost_of_an_observation_does_not_grow_with_the_number_of_tracks() -> None:
    def cost(side: int) -> tuple[float, int]:
        tracker = Tracker()
        scans = [
            [seen(t, 2_000.0 * i + 10 * t, 2_000.0 * j, source=f"r{t}") for i in range(side) for j in range(side)]
            for t in range(3)
        ]
        start = time.process_time()
        for scan in scans:
            follow(tracker, scan)
        return (time.process_time() - start) / (3 * side * side), len(tracker.tracks)

    small, few = cost(6)
    large, many = cost(45)
    assert (few, many) == (36, 2025)
    assert large < 10 * small


def test_track_ids_are_keys() -> None:
    tracker = Tracker()
    found = tracker.observe(seen(0, 0, 0))
    assert found is not None and found.track.id.startswith("trk-") and len(found.track.id) == 20
    assert isinstance(found.track, Track)
