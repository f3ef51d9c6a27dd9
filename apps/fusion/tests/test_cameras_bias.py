"""Biases of cameras: they converge honestly, nothing is learnt that cannot be seen, a knocked camera is noticed."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.geo import LocalFrame
from summit_fusion.cameras import Biases
from summit_fusion.locate import SightLine, locate
from summit_fusion.locate.cameras import Cameras

FRAME = LocalFrame(43.7, 5.3)
START = datetime(2026, 8, 1, 12, tzinfo=UTC)
NOISE_DEG = 0.5
RING = [(-9_000.0, 1_000.0), (2_000.0, 8_000.0), (7_000.0, -6_000.0), (-5_000.0, -7_000.0), (10_000.0, 3_000.0)]


def sight(
    places: list[tuple[float, float]], fire: tuple[float, float], errors_deg: list[float], sigma_deg: float = NOISE_DEG
) -> list[SightLine]:
    blind = [SightLine(f"cam-{i}", *FRAME.to_geodetic(*place), 0.0, sigma_deg) for i, place in enumerate(places)]
    view = Cameras.of(blind)
    east, north, _ = view.sight(np.array([view.frame.to_enu(*FRAME.to_geodetic(*fire))]))
    azimuth = np.degrees(np.arctan2(east, north))[0] + errors_deg
    return [replace(line, azimuth_deg=float(azimuth[i] % 360.0)) for i, line in enumerate(blind)]


def corrected(biases: Biases, lines: list[SightLine]) -> list[SightLine]:
    made = []
    for line in lines:
        bias = biases.of(line.source)
        sigma = math.hypot(line.sigma_deg, bias.sigma_deg)
        made.append(SightLine(line.source, line.lat, line.lon, (line.azimuth_deg - bias.deg) % 360.0, sigma))
    return made


def learn(biases: Biases, lines: list[SightLine], at: datetime, fire: str = "fire") -> list[str]:
    fix = locate(corrected(biases, lines))
    best = fix.hypotheses[0]
    return biases.observe(fire, lines, best.lat, best.lon, at=at)


def season(random: np.random.Generator, truth: np.ndarray, biases: Biases, fires: int) -> None:
    for number in range(fires):
        fire = tuple(random.uniform(-6_000, 6_000, 2).tolist())
        errors = truth + random.normal(0.0, NOISE_DEG, len(truth))
        learn(biases, sight(RING, fire, errors.tolist()), START + timedelta(minutes=number), f"fire-{number}")


def test_biases_converge_within_their_own_covariance() -> None:
    random, nees, squares, prior = np.random.default_rng(11), [], [], []
    names = [f"cam-{index}" for index in range(len(RING))]
    for _ in range(40):
        truth, biases = random.normal(0.0, 0.5, len(RING)), Biases()
        season(random, truth, biases, 40)
        mean, cov = biases.joint(names)
        nees.append(float((mean - truth) @ np.linalg.solve(cov, mean - truth)))
        squares.append(float(((mean - truth) ** 2).mean()))
        prior.append(float((truth**2).mean()))
    # 40 runs of chi-square with 5 degrees of freedom: 95 % of the means lie in [4.07, 6.03]; the sphere, smoke_deg and
    # the curvature of the azimuths make it a little conservative
    assert 2.5 < np.mean(nees) < 6.03
    assert np.mean(squares) < 0.15 * np.mean(prior)


def test_two_cameras_teach_nothing() -> None:
    biases = Biases()
    for minute in range(20):
        learn(biases, sight(RING[:2], (0.0, 0.0), [1.0, -1.0]), START + timedelta(minutes=minute))
    for camera in ("cam-0", "cam-1"):
        assert (biases.of(camera).deg, biases.of(camera).updates) == (0.0, 0)
        assert biases.of(camera).sigma_deg == 0.5


def test_what_the_position_explains_stays_as_uncertain_as_it_was() -> None:
    """Three cameras, one fire, for ever: one combination of the biases is seen, the other two are not."""
    biases, fire, places = Biases(), (500.0, -800.0), RING[:3]
    for minute in range(200):
        learn(biases, sight(places, fire, [0.4, 0.4, 0.4]), START + timedelta(seconds=minute))
    _, cov = biases.joint(["cam-0", "cam-1", "cam-2"])
    values = np.linalg.eigvalsh(cov)
    assert values[0] < 0.01
    assert values[1] == pytest.approx(0.25, rel=1e-3)
    assert values[2] == pytest.approx(0.25, rel=1e-3)


def test_cameras_in_one_direction_do_not_learn_a_common_bias() -> None:
    """A common turn of cameras side by side is a shift of the fire."""
    places = [(-400.0, -12_000.0), (0.0, -12_000.0), (400.0, -12_000.0), (9_000.0, 0.0)]
    biases = Biases()
    for minute in range(50):
        learn(biases, sight(places, (0.0, 0.0), [0.8, 0.8, 0.8, 0.0]), START + timedelta(minutes=minute))
    for camera in ("cam-0", "cam-1", "cam-2"):
        assert abs(biases.of(camera).deg) < 0.1
        assert biases.of(camera).sigma_deg > 0.25


def test_a_landmark_is_believed_at_once_and_passes_it_on() -> None:
    biases = Biases()
    bias = biases.calibrate("cam-0", 91.2, 90.5, at=START, sigma_deg=0.05)
    assert bias.deg == pytest.approx(0.7, abs=0.02)
    assert bias.sigma_deg < 0.06
    assert "landmark" in bias.note
    assert biases.calibrate("cam-n", 0.1, 359.9, at=START).deg == pytest.approx(0.19, abs=0.02)


def test_a_landmark_far_off_begins_anew_with_the_reason() -> None:
    biases = Biases()
    biases.calibrate("cam-0", 90.0, 90.0, at=START)
    bias = biases.calibrate("cam-0", 97.0, 90.0, at=START + timedelta(days=3))
    assert bias.deg == pytest.approx(7.0, abs=0.01)
    assert "begun anew" in bias.note and "+7.0" in bias.note


@pytest.mark.parametrize("knock", [-6.0, 4.0, 15.0])
def test_a_knocked_camera_is_noticed_and_learnt_anew(knock: float) -> None:
    random, biases = np.random.default_rng(5), Biases()
    season(random, np.zeros(5), biases, 10)
    found = []
    for second in range(0, 120, 30):
        errors = random.normal(0.0, NOISE_DEG, 5)
        errors[2] += knock * (second > 0)
        found += learn(biases, sight(RING, (0.0, 0.0), errors.tolist()), START + timedelta(hours=1, seconds=second))
    assert found == ["cam-2"]
    bias = biases.of("cam-2")
    assert bias.deg == pytest.approx(knock, abs=3 * bias.sigma_deg)
    assert "knocked" in bias.note
    assert all(abs(biases.of(f"cam-{index}").deg) < 0.6 for index in (0, 1, 3, 4))


def test_a_camera_that_sees_something_else_is_not_called_knocked() -> None:
    """It never agreed on this fire; only at a second fire, by the same angle, can it be its mount."""
    random, biases = np.random.default_rng(6), Biases()
    off = np.array([0.0, 0.0, 0.0, 20.0, 0.0])

    def watch(fire: tuple[float, float], name: str, hour: int) -> list[str]:
        return [
            camera
            for minute in range(6)
            for camera in learn(
                biases,
                sight(RING, fire, (random.normal(0, NOISE_DEG, 5) + off).tolist()),
                START + timedelta(hours=hour, minutes=minute),
                name,
            )
        ]

    assert watch((0.0, 0.0), "one", 0) == []
    assert biases.of("cam-3").updates == 0
    assert watch((3_000.0, 2_000.0), "two", 5) == ["cam-3"]
    assert biases.of("cam-3").deg == pytest.approx(20.0, abs=1.0)


def test_an_unheard_mount_becomes_as_uncertain_as_a_new_one_and_no_more() -> None:
    biases = Biases()
    biases.calibrate("cam-0", 90.0, 90.0, at=START, sigma_deg=0.05)
    biases.calibrate("other", 10.0, 10.0, at=START + timedelta(days=1))
    assert 0.05 < biases.of("cam-0").sigma_deg < 0.1
    biases.calibrate("other", 10.0, 10.0, at=START + timedelta(days=3650))
    assert biases.of("cam-0").sigma_deg == pytest.approx(0.5)


def test_what_was_saved_goes_on_the_same() -> None:
    random, truth = np.random.default_rng(9), np.array([0.5, -0.4, 0.3, -0.2, 0.1])
    biases, again = Biases(), Biases()
    season(random, truth, biases, 5)
    again.restore(biases.save())
    lines = sight(RING, (1_000.0, 1_000.0), truth.tolist())
    for one in (biases, again):
        learn(one, lines, START + timedelta(days=1))
    assert biases.save() == again.save()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9e3, 9e3), st.floats(-9e3, 9e3), st.floats(-40, 40)), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_any_sights_leave_a_covariance_that_is_one(raw: list[tuple[float, float, float]], rounds: int) -> None:
    biases = Biases()
    lines = sight([(east, north) for east, north, _ in raw], (123.0, 456.0), [error for _, _, error in raw])
    for minute in range(rounds):
        biases.observe("fire", lines, *FRAME.to_geodetic(123.0, 456.0), at=START + timedelta(minutes=minute))
    _, cov = biases.joint([line.source for line in lines])
    assert np.isfinite(cov).all()
    assert np.linalg.eigvalsh(cov).min() > -1e-9
    assert np.diag(cov).max() <= 100.0 + 1e-9
