"""Bearings in the tracker, the merging of returns and the map of clutter."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker, TrackerSettings
from summit_fusion.jipda.bearing import Bearings, gate_bearings
from summit_fusion.jipda.clutter import ClutterMap
from summit_fusion.jipda.layout import FULL, Arrays, Floats
from summit_fusion.jipda.returns import merge_returns

ALL_ROUND = math.pi
ONE_DEGREE = math.radians(1.0)


def seen(*places: tuple[float, float], time: float = 0.0, sigma: float = 10.0) -> Detections:
    z = np.array(places).reshape(-1, 2)
    scan, _ = Detections.of(time, z, np.tile([sigma**2, 0.0, sigma**2], (len(z), 1)), clutter=1e-8)
    return scan


def looks(
    *azimuths: float,
    time: float,
    origin: tuple[float, float] = (0.0, 0.0),
    reach: float = 5000.0,
    half: float = ALL_ROUND,
) -> Bearings:
    """A camera that looks north."""
    count = len(azimuths)
    scan, refused = Bearings.of(
        time, np.array(azimuths), np.full(count, ONE_DEGREE), np.tile(np.array(origin), (count, 1)),
        clutter=0.05, detect=0.8, view=(*origin, 0.0, half, reach),
    )  # fmt: skip
    assert refused == 0
    return scan


def tracked(*places: tuple[float, float]) -> JipdaTracker:
    tracker = JipdaTracker()
    for second in range(5):
        tracker.step(seen(*places, time=float(second)))
    return tracker


def whole(tracks: Arrays, row: int) -> Floats:
    matrix: Floats = tracks.cov[row, 0][FULL]
    return matrix


def test_a_bearing_narrows_across_the_sight_and_not_along_it() -> None:
    tracker = tracked((0.0, 1000.0))
    tracker.predict(6.0)
    before = whole(tracker.tracks, 0)
    tracker.absorb_bearings(looks(0.0, time=6.0, origin=(0.0, 700.0)))
    after = whole(tracker.tracks, 0)
    assert after[0, 0] < 0.5 * before[0, 0]  # 300 m at one degree: 5 m
    assert after[1, 1] == pytest.approx(before[1, 1], rel=0.1)


@given(
    st.floats(-0.05, 0.05), st.floats(0.0, 2.0 * math.pi), st.floats(100.0, 2000.0), st.floats(1.0, 30.0)
)  # fmt: skip
def test_update_is_the_extended_kalman_filter(off: float, azimuth: float, distance: float, sigma: float) -> None:
    """One model, association certain: against the textbook formula, whichever way the angle wraps."""
    tracks = Arrays.empty()
    place = distance * np.array([math.sin(azimuth), math.cos(azimuth)])
    tracks.count, tracks.mean[0, :, :2], tracks.existence[0], tracks.cruise[0] = 1, place, 0.99999, 0.5
    cov = np.diag([sigma**2, sigma**2, 4.0, 4.0])
    cov[0, 2] = cov[2, 0] = cov[1, 3] = cov[3, 1] = sigma
    for row in range(4):
        for column in range(4):
            tracks.cov[0, :, FULL[row, column]] = cov[row, column]
    tracker = JipdaTracker()
    tracker.tracks = tracks
    scan = replace(looks(azimuth + off, time=0.0), clutter=1e-12, detect=0.999999)
    tracker.absorb_bearings(scan)
    slope = np.array([place[1], -place[0], 0.0, 0.0]) / distance**2
    bend = 2.0 * sigma**2 / distance**2
    variance = slope @ cov @ slope + ONE_DEGREE**2 + 0.5 * bend**2
    if off * off / variance > 9.0:
        return
    gain = cov @ slope / variance
    assert tracks.mean[0, 0] == pytest.approx(np.array([*place, 0.0, 0.0]) + gain * off, abs=1e-3 * sigma)
    assert whole(tracks, 0) == pytest.approx(cov - np.outer(gain, gain) * variance, abs=1e-3 * sigma**2)


def test_the_angle_wraps() -> None:
    tracks = tracked((-1.0, 1000.0)).tracks
    scan = looks(0.001, 2.0 * math.pi - 0.001, math.pi, time=4.0)
    start, edges, _ = gate_bearings(
        tracks.mean, tracks.cov, tracks.count, scan.azimuth, scan.sigma, scan.origin, scan.at - scan.time
    )
    assert start.tolist() == [0, 2]
    assert edges.tolist() == [0, 1]


def test_two_cameras_give_a_range() -> None:
    """A target that only cameras see after a while: their crossing holds it where it is."""
    tracker = tracked((0.0, 1000.0))
    for second in range(5, 25):
        east = 10.0 * (second - 4)  # it starts to move
        for origin in ((-500.0, 500.0), (500.0, 500.0)):
            tracker.predict(float(second))
            tracker.absorb_bearings(
                looks(math.atan2(east - origin[0], 1000.0 - origin[1]), time=float(second), origin=origin)
            )
    last = tracker.estimate(24.0)
    assert np.hypot(*(last.mean[0, :2] - (200.0, 1000.0))) < 30.0


def test_absence_counts_in_view_only() -> None:
    tracker = tracked((0.0, 1000.0))
    before = tracker.tracks.existence[0]
    for scan in (looks(time=4.0, reach=500.0), looks(time=4.0, origin=(0.0, 2000.0), half=0.5)):
        tracker.absorb_bearings(scan)  # too far, or behind a camera that looks north
    assert tracker.tracks.existence[0] == pytest.approx(before, abs=1e-6)
    for _ in range(6):
        tracker.absorb_bearings(looks(time=4.0, half=0.5))
    assert tracker.tracks.existence[0] < 0.9


def test_nothing_begins_at_a_bearing() -> None:
    tracker = JipdaTracker()
    tracker.predict(1.0)
    alone = tracker.absorb_bearings(looks(0.0, 1.0, time=1.0))
    assert tracker.tracks.count == 0
    assert alone.tolist() == [1.0, 1.0]


def test_a_bearing_goes_to_the_track_that_explains_it() -> None:
    tracker = tracked((0.0, 1000.0), (600.0, 800.0))
    tracker.predict(5.0)
    alone = tracker.absorb_bearings(looks(0.001, math.atan2(600.0, 800.0), 3.0, time=5.0))
    assert alone[0] < 0.2
    assert alone[1] < 0.2
    assert alone[2] == 1.0


def test_nonsense_is_refused() -> None:
    azimuth = np.array([0.1, np.nan, 0.2, 0.3, 0.4, 7.0])
    sigma = np.array([0.01, 0.01, 0.0, -1.0, np.inf, 0.01])
    origin = np.zeros((6, 2))
    scan, refused = Bearings.of(
        1.0, azimuth, sigma, origin, clutter=0.1, detect=0.5, view=(0.0, 0.0, 0.0, ALL_ROUND, 1e3)
    )  # fmt: skip
    assert refused == 4
    assert scan.azimuth == pytest.approx([0.1, 7.0 - 2.0 * math.pi])
    with pytest.raises(ValueError, match="one row"):
        replace(scan, sigma=np.empty(0))


def test_a_bearing_over_the_camera_itself_is_harmless() -> None:
    tracker = tracked((0.0, 0.0))
    tracker.predict(5.0)
    tracker.absorb_bearings(looks(1.0, time=5.0))
    assert np.isfinite(tracker.tracks.mean[: tracker.tracks.count]).all()
    assert np.linalg.eigvalsh(whole(tracker.tracks, 0)).min() > 0.0


def test_returns_of_one_hull_become_one_detection() -> None:
    z = np.array([[0.0, 0.0], [100.0, 0.0], [8.0, 0.0], [16.0, 0.0]])
    centre, noise = merge_returns(z, np.tile([4.0, 0.0, 4.0], (4, 1)), 10.0)
    assert centre == pytest.approx(np.array([[8.0, 0.0], [100.0, 0.0]]))
    assert noise[0] == pytest.approx([4.0 + 128.0 / 3.0, 0.0, 4.0])
    assert noise[1] == pytest.approx([4.0, 0.0, 4.0])
    assert len(merge_returns(np.empty((0, 2)), np.empty((0, 3)), 10.0)[0]) == 0


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), max_size=12), st.floats(1.0, 50.0))
def test_merging_keeps_the_sum_and_leaves_nothing_near(places: list[tuple[float, float]], size: float) -> None:
    z = np.array(places).reshape(-1, 2)
    centre, noise = merge_returns(z, np.tile([4.0, 0.0, 4.0], (len(z), 1)), size)
    assert len(centre) <= len(z)
    assert (noise[:, [0, 2]] >= 4.0 - 1e-9).all()
    again, _ = merge_returns(z[::-1], np.tile([4.0, 0.0, 4.0], (len(z), 1)), size)
    assert np.sort(again, axis=0) == pytest.approx(np.sort(centre, axis=0))


def test_a_place_that_answers_every_scan_becomes_clutter() -> None:
    learnt, tracker = ClutterMap(1e-6), JipdaTracker(TrackerSettings(birth_existence=1e-3, delete_tentative=1e-4))
    rock, sea = np.array([[300.0, 0.0]]), np.array([[-300.0, 0.0]])
    assert learnt.at(rock)[0] == learnt.at(sea)[0] == 1e-6
    for second in range(20):
        scan = seen((300.0 + 8.0 * (-1.0) ** second, 0.0), time=float(second))
        tracker.predict(scan.time)
        learnt.learn(scan.z, tracker.absorb(replace(scan, clutter_at=learnt.at(scan.z))), tracker.tracks)
    assert learnt.at(rock)[0] > 20.0 * learnt.at(sea)[0]
    assert learnt.at(sea)[0] < 1e-6


def test_a_silent_target_is_kept_and_forgotten_in_time() -> None:
    settings = TrackerSettings(silence_s=5.0, forget_s=60.0, mean_life_s=1800.0, birth_density=1e-13)
    quick, patient = JipdaTracker(replace(settings, silence_s=math.inf)), JipdaTracker(settings)
    for tracker in (quick, patient):
        for second in range(100):
            places = [(0.0, 0.0)] if second < 10 else []
            tracker.step(seen(*places, (50_000.0, 0.0), time=float(second)))
            if second == 60:
                shown = tracker.estimate(60.0)
                assert len(shown.id) == (2 if tracker is patient else 1)
        assert len(tracker.estimate(99.0).id) == 1


def test_what_is_not_located_is_not_shown() -> None:
    tracker = JipdaTracker(TrackerSettings(publish_sigma_m=20.0))
    for second in range(6):
        tracker.step(seen((0.0, 0.0), time=float(second)))
    assert len(tracker.estimate(6.0).id) == 1
    assert len(tracker.estimate(16.0).id) == 0
