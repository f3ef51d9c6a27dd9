"""Smoke must stay to be believed: the states, what moves them, and frames of several smokes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.ids import derived_id
from summit_core.model import Bearing
from summit_fusion.cameras import Camera, Persistence, PersistenceSettings
from summit_fusion.cameras.persistence import STATES

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
RULES = PersistenceSettings()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seen(*seconds: float, score: float | None = 0.8) -> Persistence:
    smoke = Persistence()
    for second in seconds:
        smoke.hit(at(second), score)
    return smoke


def bearing(seconds: float, azimuth_deg: float, *, lat: float = 43.7, sigma_deg: float = 0.5) -> Bearing:
    return Bearing(
        source="cam",
        id=derived_id(at(seconds), str(azimuth_deg)),
        observed_at=at(seconds),
        received_at=at(seconds),
        lat=lat,
        lon=5.3,
        azimuth_deg=azimuth_deg % 360.0,
        sigma_deg=sigma_deg,
    )


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ((0,), "candidate"),
        ((0, 30), "tentative"),
        ((0, 10, 20), "tentative"),
        ((0, 30, 60), "confirmed"),
        ((0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60), "confirmed"),
        ((0, 120, 240), "confirmed"),
        ((0, 200), "candidate"),
        ((0, 10, 170), "candidate"),
    ],
)
def test_it_is_confirmed_by_frames_over_time(seconds: tuple[float, ...], state: str) -> None:
    assert seen(*seconds).state == state


def test_scores_add_up() -> None:
    assert seen(0, 30, 60, score=0.3).state == "tentative"
    assert seen(0, 30, 60, 90, score=0.3).state == "confirmed"
    assert seen(0, 30, 60, score=None).state == "confirmed"
    assert "scores add up to 0.9" in seen(0, 30, 60, score=0.3).reason


def test_frames_without_smoke_count_against_it() -> None:
    smoke = seen(0, 30)
    for second in (40, 45, 50, 55):
        smoke.miss(at(second))
    smoke.hit(at(61), 0.8)
    assert (smoke.state, smoke.reason) == ("candidate", "1 of 5 frames, scores add up to 0.8, for 61 s")
    for second in (70, 75, 80, 85, 90):
        smoke.miss(at(second))
    assert (smoke.state, smoke.reason) == ("ended", "nothing in the last 5 frames")


def test_once_confirmed_it_fades_comes_back_and_ends() -> None:
    smoke, states = seen(0, 30, 60), list[tuple[str, str]]()
    steps: tuple[tuple[float, float | None], ...] = ((241, None), (300, 0.2), (1199, None), (1201, None), (5000, 0.9))
    for second, score in steps:
        if score is None:
            smoke.pass_to(at(second))
        else:
            smoke.hit(at(second), score)
        states.append((smoke.state, smoke.reason))
    assert states == [
        ("fading", "not seen for more than 180 s"),
        ("confirmed", "confirmed before, seen again"),
        ("fading", "not seen for more than 180 s"),
        ("ended", "not seen for more than 15 min"),
        ("candidate", "a single frame"),
    ]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 400.0), st.sampled_from(["hit", "miss", "wait"]), st.floats(0.0, 1.0)), max_size=40
    )
)
def test_only_lasting_smoke_is_ever_confirmed(steps: list[tuple[float, str, float]]) -> None:
    smoke, now, hits = Persistence(), 0.0, list[tuple[float, float]]()
    for gap, what, score in steps:
        now, before = now + gap, smoke.state
        if what == "hit":
            smoke.hit(at(now), score)
            hits.append((now, score))
        elif what == "miss":
            smoke.miss(at(now))
        else:
            smoke.pass_to(at(now))
        assert smoke.state in STATES
        assert smoke.reason or not hits
        if smoke.state == "confirmed" and before not in {"confirmed", "fading"}:
            recent = [one for when, one in hits if now - when <= RULES.window.total_seconds()]
            assert len(recent) >= RULES.frames
            assert sum(recent) >= RULES.score - 1e-9
            assert now - hits[0][0] >= RULES.least.total_seconds() - 1e-3
        if before == "ended" and what != "hit":
            assert smoke.state == "ended"


def test_bearings_of_one_frame_are_different_smokes() -> None:
    camera = Camera("cam")
    for second in (0, 30, 60):
        for azimuth in (40.0, 41.5, 120.0):
            camera.observe(bearing(second, azimuth + 0.1), RULES)
    assert len(camera.smokes) == 3
    assert [smoke.persistence.state for smoke in camera.smokes] == ["confirmed"] * 3
    assert sorted(round(smoke.mean().azimuth_deg, 1) for smoke in camera.smokes) == [40.1, 41.6, 120.1]


def test_the_mean_of_frames_crosses_north() -> None:
    camera = Camera("cam")
    for second, azimuth in enumerate((359.6, 0.4, 359.8, 0.2)):
        camera.observe(bearing(10.0 * second, azimuth), RULES)
    (smoke,) = camera.smokes
    mean = smoke.mean()
    assert min(mean.azimuth_deg, 360.0 - mean.azimuth_deg) < 1e-6
    assert mean.sigma_deg == pytest.approx(0.25)


def test_two_boxes_repetitions_and_late_frames_change_nothing() -> None:
    camera = Camera("cam")
    assert camera.observe(bearing(0, 40.0), RULES) is not None
    assert camera.observe(bearing(0, 40.0), RULES) is None
    assert camera.observe(bearing(0, 40.3), RULES) is None
    assert camera.observe(bearing(10, 40.1), RULES) is not None
    assert camera.observe(bearing(5, 40.1), RULES) is None
    assert [len(smoke.seen) for smoke in camera.smokes] == [2]


def test_what_the_camera_shows_beside_it_counts_as_a_frame() -> None:
    camera = Camera("cam")
    camera.observe(bearing(0, 40.0), RULES)
    for second in (10, 20, 30, 40, 50, 60):
        camera.observe(bearing(second, 55.0), RULES)
    assert camera.smokes[0].persistence.state == "ended"
    assert camera.pass_to(at(60), RULES) == []
    assert [round(smoke.latest.azimuth_deg) for smoke in camera.smokes] == [55]


def test_a_camera_that_moves_begins_anew() -> None:
    camera = Camera("cam")
    camera.observe(bearing(0, 40.0), RULES)
    camera.observe(bearing(10, 40.0, lat=43.71), RULES)
    assert [smoke.latest.lat for smoke in camera.smokes] == [43.71]
