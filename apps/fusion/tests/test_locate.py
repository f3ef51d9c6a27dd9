"""Bearings to position: bounds, geometry, outliers, invariances."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.geo import LocalFrame, distance_m, initial_bearing_deg, wrap_angle
from summit_fusion.locate import Fix, SightLine, locate
from summit_fusion.locate.cameras import Cameras, ecef
from summit_fusion.locate.consensus import chi_square_limit


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "bench" / "localisation.py"
    spec = importlib.util.spec_from_file_location("localisation_bench", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def azimuth(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Of the straight line between two points of the ellipsoid, written out independently of the product code."""
    here, there = ecef(np.array([lat]), np.array([lon]))[0], ecef(np.array([to_lat]), np.array([to_lon]))[0]
    phi, lam = math.radians(lat), math.radians(lon)
    east = np.array([-math.sin(lam), math.cos(lam), 0.0])
    north = np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)])
    return math.degrees(math.atan2((there - here) @ east, (there - here) @ north)) % 360.0


def lines_to(
    fire: tuple[float, float], places: list[tuple[float, float]], errors: list[float] | None = None, sigma: float = 1.0
) -> list[SightLine]:
    """Cameras at ``places`` (east, north metres of the fire) that see it with ``errors`` degrees."""
    frame, errors = LocalFrame(*fire), errors or [0.0] * len(places)
    made = []
    for index, (place, error) in enumerate(zip(places, errors, strict=True)):
        lat, lon = frame.to_geodetic(*place)
        made.append(SightLine(f"cam-{index}", lat, lon, (azimuth(lat, lon, *fire) + error) % 360.0, sigma))
    return made


def miss_m(fix: Fix, fire: tuple[float, float]) -> float:
    return distance_m(fix.hypotheses[0].lat, fix.hypotheses[0].lon, *fire)


FIRE = (43.7, 5.3)
RING = [(-9_000.0, 1_000.0), (2_000.0, 8_000.0), (7_000.0, -6_000.0), (-5_000.0, -7_000.0), (10_000.0, 3_000.0)]


@pytest.mark.parametrize("disc", [False, True])
def test_three_cameras_reach_the_cramer_rao_bound(bench: ModuleType, disc: bool) -> None:
    figures = bench.run(bench.cases(5, 1000, 3, disc=disc))
    assert figures["rms_over_bound"] <= 1.2
    assert figures["behind_a_camera"] == 0
    assert figures["unlocated"] == 0
    assert figures["ambiguous"] < 0.4  # of three lines, a wrong one often would not show
    assert 0.93 <= figures["coverage_95"] <= 0.97


def test_more_cameras_are_better_and_stay_at_the_bound(bench: ModuleType) -> None:
    five, eight = (bench.run(bench.cases(6, 400, n)) for n in (5, 8))
    assert five["rms_over_bound"] <= 1.15 and eight["rms_over_bound"] <= 1.15
    assert eight["median_m"] < five["median_m"]


def test_one_wrong_camera_of_four_is_outvoted_or_admitted(bench: ModuleType) -> None:
    figures = bench.run(bench.cases(7, 400, 4, wrong=1))
    assert figures["within_3_bounds_or_flagged"] >= 0.94


def test_one_wrong_camera_of_three_is_never_hidden_where_it_can_be_seen(bench: ModuleType) -> None:
    figures = bench.run(bench.cases(8, 400, 3, wrong=1))
    assert figures["within_3_bounds_or_flagged"] >= 0.85


def test_exact_lines_meet_at_the_fire() -> None:
    for fire in [FIRE, (0.0, 0.0), (-33.9, 151.2), (64.1, -21.9), (18.0, 179.99), (-16.8, -179.98)]:
        fix = locate(lines_to(fire, RING))
        assert not fix.ambiguous
        assert miss_m(fix, fire) < 1.0


def test_predicted_azimuths_hold_at_24_km_where_the_plane_and_the_sphere_do_not() -> None:
    lat, lon = 45.0, 6.0
    plane_errors, sphere_errors = [], []
    for direction in range(0, 360, 15):
        east, north = 24_000 * math.sin(math.radians(direction)), 24_000 * math.cos(math.radians(direction))
        to = LocalFrame(lat, lon).to_geodetic(east, north)
        line = SightLine("cam", lat, lon, azimuth(lat, lon, *to), 1.0)
        cameras = Cameras.of([line, SightLine("other", *to, 0.0, 1.0)])
        residual = cameras.sight(np.array([cameras.frame.to_enu(*to)]))[2][0, 0]
        assert abs(math.degrees(residual)) < 0.001
        plane_errors.append(abs(wrap_angle(direction - line.azimuth_deg)))
        sphere_errors.append(abs(wrap_angle(initial_bearing_deg(lat, lon, *to) - line.azimuth_deg)))
    assert 0.05 < max(plane_errors) < 0.3
    assert max(sphere_errors) < 0.2


def test_two_cameras_give_a_fix_with_the_textbook_covariance() -> None:
    fix = locate(lines_to(FIRE, [(-10_000.0, 0.0), (0.0, -10_000.0)]))
    assert not fix.ambiguous
    (ee, en), (_, nn) = fix.hypotheses[0].cov_m2
    assert math.sqrt(ee + nn) == pytest.approx(math.radians(1.0) * 10_000 * math.sqrt(2), rel=0.01)
    assert abs(en) < 0.01 * ee
    assert fix.hypotheses[0].weight == 1.0


def test_lines_that_diverge_have_no_fix() -> None:
    left, right = lines_to(FIRE, [(-5_000.0, -5_000.0), (5_000.0, -5_000.0)])
    turned = [SightLine(s.source, s.lat, s.lon, (s.azimuth_deg + 180.0) % 360.0, 1.0) for s in (left, right)]
    fix = locate(turned)
    assert (fix.ambiguous, fix.reason, fix.hypotheses) == (True, "no_crossing", ())


def test_two_lines_never_place_a_fix_behind_a_third_camera() -> None:
    fix = locate(lines_to(FIRE, RING[:3], [0.0, 0.0, 180.0]))
    assert fix.ambiguous and fix.hypotheses == ()


def test_nearly_parallel_lines_have_no_fix() -> None:
    fix = locate(lines_to(FIRE, [(-10_000.0, 0.0), (-10_000.0, 150.0)]))
    assert (fix.ambiguous, fix.reason, fix.hypotheses) == (True, "near_parallel", ())


def test_cameras_at_one_place_have_no_fix() -> None:
    line = SightLine("cam", 43.7, 5.3, 90.0, 1.0)
    assert locate([line, line]).hypotheses == ()
    assert locate([line, SightLine("cam", 43.7, 5.3, 140.0, 1.0)]).hypotheses == ()
    assert locate([line]).reason == "too_few"
    assert locate([]).reason == "too_few"


def test_a_weak_geometry_is_named() -> None:
    fix = locate(lines_to(FIRE, [(-25_000.0, 0.0), (-20_000.0, 6_000.0)], sigma=2.0))
    assert (fix.ambiguous, fix.reason) == (True, "poor_geometry")
    assert len(fix.hypotheses) == 1


def test_two_against_two_gives_both_places() -> None:
    first = lines_to(FIRE, [(-8_000.0, 0.0), (0.0, -8_000.0)])
    second = lines_to((43.75, 5.4), [(6_000.0, -3_000.0), (-2_000.0, 7_000.0)])
    fix = locate([*first, *second])
    assert fix.ambiguous and fix.reason == "outlier"
    for truth in (FIRE, (43.75, 5.4)):
        assert any(distance_m(h.lat, h.lon, *truth) < 100 for h in fix.hypotheses)
    assert sum(h.weight for h in fix.hypotheses) == pytest.approx(1.0)


def test_one_wrong_of_five_is_left_out_and_its_residual_told() -> None:
    fix = locate(lines_to(FIRE, RING, [0.3, -0.2, 15.0, 0.1, -0.4]))
    best = fix.hypotheses[0]
    assert not fix.ambiguous
    assert best.used == (True, True, False, True, True)
    assert best.residuals_sigma[2] == pytest.approx(15.0, abs=1.5)


def test_a_camera_that_faces_away_does_not_veto_four_that_agree() -> None:
    fix = locate(lines_to(FIRE, RING, [0.0, 0.0, 0.0, 0.0, 180.0]))
    assert not fix.ambiguous
    assert miss_m(fix, FIRE) < 5.0


def test_twenty_cameras_with_outliers() -> None:
    random = np.random.default_rng(3)
    angles = random.uniform(0, 2 * math.pi, 20)
    places = [(9_000 * math.cos(a), 9_000 * math.sin(a)) for a in angles.tolist()]
    errors = random.normal(0, 1, 20)
    errors[:4] += 14
    fix = locate(lines_to(FIRE, places, errors.tolist()))
    assert not fix.ambiguous
    assert fix.hypotheses[0].used[:4] == (False,) * 4
    assert miss_m(fix, FIRE) < 200


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(5)), st.lists(st.floats(-2, 2), min_size=5, max_size=5))
def test_order_of_bearings_does_not_matter(order: list[int], errors: list[float]) -> None:
    lines = lines_to(FIRE, RING, errors)
    one, other = locate(lines), locate([lines[i] for i in order])
    assert one.ambiguous == other.ambiguous
    best, same = one.hypotheses[0], other.hypotheses[0]
    assert distance_m(best.lat, best.lon, same.lat, same.lon) < 5.0
    assert tuple(best.used[i] for i in order) == same.used


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 2 * math.pi), st.lists(st.floats(-1.5, 1.5), min_size=5, max_size=5))
def test_turning_the_world_turns_the_fix(angle: float, errors: list[float]) -> None:
    turned = [(e * math.cos(angle) - n * math.sin(angle), e * math.sin(angle) + n * math.cos(angle)) for e, n in RING]
    plain, rotated = locate(lines_to(FIRE, RING, errors)), locate(lines_to(FIRE, turned, errors))
    east, north = LocalFrame(*FIRE).to_enu(plain.hypotheses[0].lat, plain.hypotheses[0].lon)
    there = LocalFrame(*FIRE).to_enu(rotated.hypotheses[0].lat, rotated.hypotheses[0].lon)
    expected = (east * math.cos(angle) - north * math.sin(angle), east * math.sin(angle) + north * math.cos(angle))
    assert there == pytest.approx(expected, abs=5.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-85, 85), st.floats(-180, 180), st.floats(0, 360), st.floats(1e-6, 90)),
        min_size=0,
        max_size=8,
    )
)
def test_any_lines_give_an_answer_in_front_of_the_cameras_it_uses(raw: list[tuple[float, float, float, float]]) -> None:
    fix = locate([SightLine(f"cam-{i}", *line) for i, line in enumerate(raw)])
    assert fix.ambiguous or fix.hypotheses
    for hypothesis in fix.hypotheses:
        assert np.isfinite([hypothesis.lat, hypothesis.lon, hypothesis.weight]).all()
        for used, residual, line in zip(hypothesis.used, hypothesis.residuals_sigma, raw, strict=True):
            assert not used or abs(residual * line[3]) < 90.0


def test_chi_square_limit_is_close_to_the_table() -> None:
    for dof, exact in [(1, 15.137), (2, 18.421), (4, 23.513), (10, 35.564)]:
        assert chi_square_limit(dof) == pytest.approx(exact, rel=0.08)
