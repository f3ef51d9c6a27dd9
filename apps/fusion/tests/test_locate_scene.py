"""Several fires at once: how many there are, which lines are whose, ghosts, and what cannot be told apart."""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.geo import LocalFrame, distance_m
from summit_fusion.locate import SightLine
from summit_fusion.locate.cameras import Cameras
from summit_fusion.locate.scene import MAX_LINES, Scene, scene

FRAME = LocalFrame(43.7, 5.3)
RING = [(-9_000.0, 1_000.0), (2_000.0, 8_000.0), (7_000.0, -6_000.0), (-5_000.0, -7_000.0), (10_000.0, 3_000.0)]
ONE, TWO, THREE = (600.0, -400.0), (-3_500.0, 5_000.0), (4_500.0, -1_500.0)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "bench" / "localisation.py"
    spec = importlib.util.spec_from_file_location("localisation_bench_scenes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def sight(place: tuple[float, float], fire: tuple[float, float], error_deg: float = 0.0) -> SightLine:
    blind = SightLine(f"cam-{place}", *FRAME.to_geodetic(*place), 0.0, 1.0)
    view = Cameras.of([blind])
    east, north, _ = view.sight(np.array([view.frame.to_enu(*FRAME.to_geodetic(*fire))]))
    return replace(blind, azimuth_deg=float(np.degrees(np.arctan2(east, north))[0, 0] + error_deg) % 360.0)


def miss_m(found: Scene, fire: tuple[float, float]) -> float:
    return min(distance_m(f.place.lat, f.place.lon, *FRAME.to_geodetic(*fire)) for f in found.fires)


def test_several_fires_are_counted_and_placed(bench: ModuleType) -> None:
    figures = bench.run_scenes(bench.scenes(31, 100, 0.05))
    assert figures["right_number"] >= 0.95
    assert figures["within_3_bounds"] >= 0.95
    assert figures["right_or_ambiguous"] >= 0.97
    assert figures["lines_that_belong"] >= 0.95


def test_three_fires_seen_by_five_cameras() -> None:
    lines = [sight(place, fire) for fire in (ONE, TWO, THREE) for place in RING]
    found = scene(lines)
    assert len(found.fires) == 3
    assert found.false == ()
    for fire in (ONE, TWO, THREE):
        assert miss_m(found, fire) < 5
    assert {frozenset(fire.lines) for fire in found.fires} == {
        frozenset(range(start, start + 5)) for start in (0, 5, 10)
    }


def test_a_false_line_is_of_no_fire() -> None:
    lines = [*(sight(place, ONE) for place in RING), sight(RING[0], ONE, 25.0)]
    found = scene(lines)
    assert [fire.lines for fire in found.fires] == [(0, 1, 2, 3, 4)]
    assert found.false == (5,)


def test_a_camera_gives_a_fire_one_line_at_most() -> None:
    lines = [*(sight(place, ONE) for place in RING), sight(RING[0], ONE, 1.0)]
    (fire,) = scene(lines).fires
    assert fire.lines == (0, 1, 2, 3, 4)


def test_two_cameras_with_two_lines_each_can_be_sorted_in_two_ways() -> None:
    two = (-3_500.0, 3_000.0)
    lines = [sight(place, fire) for fire in (ONE, two) for place in RING[:2]]
    found = scene(lines)
    assert len(found.fires) == 2
    assert all(fire.place.weight < 0.91 and fire.others for fire in found.fires)
    places = [(p.lat, p.lon) for fire in found.fires for p in (fire.place, *fire.others)]
    for truth in (ONE, two):
        assert min(distance_m(*place, *FRAME.to_geodetic(*truth)) for place in places) < 5


def test_lines_of_one_camera_make_no_fire() -> None:
    lines = [sight(RING[0], ONE, error) for error in (0.0, 10.0, 20.0)]
    assert scene(lines) == Scene((), (0, 1, 2), 1.0)
    assert scene([]) == Scene((), (), 1.0)


def test_a_known_fire_needs_less() -> None:
    """Two lines meet, where three other cameras near by see things outside."""
    lines = [*(sight(place, ONE) for place in RING[:2]), *(sight(place, (0.0, 0.0), 180.0) for place in RING[2:])]
    known, alone = scene(lines, known=[FRAME.to_geodetic(*ONE)]), scene(lines)
    assert [fire.lines for fire in known.fires] == [(0, 1)]
    assert known.weight > 0.8
    assert not alone.fires or alone.weight < known.weight


def test_more_lines_than_can_be_sorted_are_bounded() -> None:
    random = np.random.default_rng(2)
    lines = [sight(RING[i % 5], tuple(random.uniform(-8_000, 8_000, 2).tolist())) for i in range(MAX_LINES + 40)]
    found = scene(lines)
    owned = [line for fire in found.fires for line in fire.lines]
    assert sorted((*owned, *found.false)) == list(range(MAX_LINES + 40))
    assert max(owned, default=0) < MAX_LINES


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.floats(-60, 60), st.floats(-170, 170), st.floats(0, 359.99), st.floats(1e-3, 60)
        ),
        max_size=14,
    )
)
def test_any_lines_are_sorted_into_disjoint_fires(raw: list[tuple[int, float, float, float, float]]) -> None:
    lines = [SightLine(f"cam-{c}", lat, lon, azimuth, sigma) for c, lat, lon, azimuth, sigma in raw]
    found = scene(lines)
    owned = [line for fire in found.fires for line in fire.lines]
    assert sorted((*owned, *found.false)) == list(range(len(lines)))
    for fire in found.fires:
        assert len({lines[line].source for line in fire.lines}) == len(fire.lines) >= 2
        assert math.isfinite(fire.place.lat) and 0.0 <= fire.place.weight <= 1.0


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(11)))
def test_the_order_of_lines_does_not_matter(order: list[int]) -> None:
    lines = [sight(place, fire) for fire in (ONE, TWO) for place in RING]
    lines.append(sight(RING[2], ONE, 30.0))
    found = scene([lines[index] for index in order])
    sorted_out = {frozenset(order[line] for line in fire.lines) for fire in found.fires}
    assert sorted_out == {frozenset(range(5)), frozenset(range(5, 10))}
