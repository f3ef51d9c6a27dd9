"""Pixels to directions: known geometry, the way back, and what the pose's doubt makes of it."""

import math
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from summit_core.errors import InputError
from summit_fusion.vision import PlumeCandidate, Pose, Sighting, base_direction, direction, pixel

poses = st.builds(
    Pose,
    azimuth_deg=st.floats(0.0, 360.0),
    tilt_deg=st.floats(-40.0, 40.0),
    roll_deg=st.floats(-30.0, 30.0),
    fov_deg=st.floats(5.0, 120.0),
    width=st.just(1920),
    height=st.just(1080),
)
fractions = st.floats(0.0, 1.0)


def level(**more: float) -> Pose:
    given = {"azimuth_deg": 90.0, "tilt_deg": 0.0, "roll_deg": 0.0, "fov_deg": 60.0} | more
    return Pose(**given, width=1600, height=1200)


def test_the_middle_is_the_axis_and_the_edge_half_the_field_of_view() -> None:
    middle = direction(level(), 0.5, 0.5)
    assert (middle.azimuth_deg, middle.elevation_deg) == pytest.approx((90.0, 0.0))
    assert direction(level(), 1.0, 0.5).azimuth_deg == pytest.approx(120.0)
    assert direction(level(azimuth_deg=10.0), 0.0, 0.5).azimuth_deg == pytest.approx(340.0)
    top = math.degrees(math.atan(600.0 / level().focal_px))
    assert direction(level(), 0.5, 0.0).elevation_deg == pytest.approx(top)
    assert direction(level(tilt_deg=-10.0), 0.5, 0.5).elevation_deg == pytest.approx(-10.0)


def test_a_tilted_camera_fans_out_and_a_rolled_one_leans() -> None:
    """At tilt t the edge of the axis row is at atan(tan(fov / 2) / cos t) of azimuth."""
    edge = direction(level(tilt_deg=30.0), 1.0, 0.5)
    assert edge.azimuth_deg - 90.0 == pytest.approx(
        math.degrees(math.atan(math.tan(math.radians(30)) / math.cos(math.radians(30))))
    )
    right, left = (direction(level(roll_deg=10.0), x, 0.5) for x in (1.0, 0.0))
    assert right.elevation_deg < -4.0 and left.elevation_deg == pytest.approx(-right.elevation_deg)
    upright = direction(level(roll_deg=90.0), 0.5, 0.0)
    assert upright.azimuth_deg > 90.0 + 20.0 and upright.elevation_deg == pytest.approx(0.0, abs=1e-9)


@given(poses, fractions, fractions)
def test_the_way_back_leads_to_the_same_pixel(pose: Pose, x: float, y: float) -> None:
    try:
        seen = direction(pose, x, y)
    except InputError:
        assume(False)
        return
    again = pixel(pose, seen.azimuth_deg, seen.elevation_deg)
    assert again is not None
    assert again == pytest.approx((x, y), abs=1e-6)
    assert pixel(pose, (pose.azimuth_deg + 180.0) % 360.0, -pose.tilt_deg) is None


def test_the_sigmas_are_those_of_many_draws() -> None:
    """First-order sigmas against 4,000 poses and points drawn at random."""
    random = np.random.default_rng(5)
    nominal = Pose(200.0, -6.0, 3.0, 50.0, 1920, 1080, 0.4, 0.3, 0.5)
    told = direction(nominal, 0.8, 0.3, 0.01, 0.02)
    drawn = []
    for _ in range(4000):
        a, t, r = random.normal((200.0, -6.0, 3.0), (0.4, 0.3, 0.5))
        one = direction(Pose(a, t, r, 50.0, 1920, 1080), *random.normal((0.8, 0.3), (0.01, 0.02)))
        drawn.append((one.azimuth_deg, one.elevation_deg))
    spread = np.std(drawn, axis=0)
    assert spread == pytest.approx((told.azimuth_sigma_deg, told.elevation_sigma_deg), rel=0.05)


def test_smoke_stands_at_the_lower_edge_of_its_box() -> None:
    pose = level(tilt_deg=2.0)
    seen = base_direction(pose, Sighting((0.4, 0.2, 0.5, 0.7), 0.8, "smoke"))
    point = direction(pose, 0.45, 0.7)
    assert (seen.azimuth_deg, seen.elevation_deg) == (point.azimuth_deg, point.elevation_deg)
    wider = base_direction(pose, Sighting((0.3, 0.2, 0.6, 0.7), 0.8, "smoke"))
    assert wider.azimuth_sigma_deg > seen.azimuth_sigma_deg > pose.azimuth_sigma_deg


def test_a_candidate_cannot_become_a_direction() -> None:
    """By type, and at run time for who has no types: no common base, and neither score nor box to take."""
    candidate = PlumeCandidate((0.4, 0.2, 0.5, 0.7), 8, 2.0)
    assert get_type_hints(base_direction)["sighting"] is Sighting
    assert PlumeCandidate.__mro__ == (PlumeCandidate, object)
    assert not {"box", "score", "label", "confidence"} & set(PlumeCandidate.__slots__)
    with pytest.raises(TypeError, match="detector of record"):
        base_direction(level(), candidate)  # type: ignore[arg-type]  # that mypy refuses it is the point


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fov_deg": 0.0}, "pose.fov_deg"),
        ({"tilt_deg": 90.0}, "pose.tilt_deg"),
        ({"fov_deg": math.nan}, "pose.fov_deg"),
    ],
)
def test_a_pose_that_cannot_be_is_refused_by_name(change: dict[str, float], field: str) -> None:
    with pytest.raises(InputError) as refused:
        level(**change)
    assert refused.value.field == field


def test_no_azimuth_straight_up() -> None:
    with pytest.raises(InputError, match="no azimuth"):
        direction(level(tilt_deg=88.0), 0.5, 0.5)
    with pytest.raises(InputError):
        direction(level(), math.nan, 0.5)
