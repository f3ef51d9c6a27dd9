"""Viewsheds against formulas, against every single line of sight, and against what must hold for any terrain."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from summit_core.errors import InputError
from summit_fusion.locate.cameras import Array, Mask
from summit_fusion.terrain import Camera, Patch, coverage, polygons, viewshed
from summit_fusion.terrain.outline import outline, signed_area
from summit_fusion.terrain.raycast import CURVATURE, Eye
from summit_fusion.terrain.viewshed import Viewshed

LAT, LON = 44.0, 5.0


def level(cells: int, cell_m: float, height: float = 100.0) -> Patch:
    return Patch.centred(LAT, LON, np.full((cells, cells), height, dtype=np.float32), cell_m)


def hills(cells: int, seed: int, relief: float) -> Patch:
    """Fractal ground: noise with an amplitude that falls as the square of the frequency."""
    noise = np.random.default_rng(seed).normal(size=(cells, cells))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(cells), np.fft.fftfreq(cells)))
    frequency[0, 0] = 1.0
    made = np.fft.ifft2(np.fft.fft2(noise) / frequency**2).real
    return Patch.centred(LAT, LON, ((made - made.mean()) / made.std() * relief).astype(np.float32), 30.0)


def away(view: Viewshed) -> Array:
    """Distance of each cell from the camera, metres."""
    eye, shape = Eye.of(view.terrain, view.camera), view.depth.shape
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.asarray(np.hypot(rows - eye.row, columns - eye.column) * view.terrain.cell_m)


def every_line(terrain: Patch, camera: Camera, max_range_m: float, parts: int) -> NDArray[np.float64]:
    """How deep each cell lies below the line of sight, from ``parts`` points on the straight line to it."""
    eye, shape = Eye.of(terrain, camera), terrain.heights.shape
    rows, columns = (axis.ravel().astype(float) for axis in np.mgrid[0 : shape[0], 0 : shape[1]])
    full = np.hypot(rows - eye.row, columns - eye.column) * terrain.cell_m
    deepest = np.zeros(rows.size)
    for k in range(1, parts):
        i, j = eye.row + (rows - eye.row) * k / parts, eye.column + (columns - eye.column) * k / parts
        at = np.minimum(i.astype(int), shape[0] - 2), np.minimum(j.astype(int), shape[1] - 2)
        v, u = i - at[0], j - at[1]
        z = terrain.heights.astype(float)
        ground = (z[at] * (1 - u) + z[at[0], at[1] + 1] * u) * (1 - v)
        ground += (z[at[0] + 1, at[1]] * (1 - u) + z[at[0] + 1, at[1] + 1] * u) * v
        s = full * k / parts
        line = eye.altitude + (terrain.heights.ravel() - eye.altitude) * k / parts - CURVATURE * s * (full - s)
        deepest = np.maximum(deepest, (ground - line) * parts / k)
    return np.where(full <= max_range_m, deepest, np.inf).reshape(shape)


def test_over_level_ground_it_ends_at_the_horizon() -> None:
    """The dip to the horizon: distance sqrt(2 R h / (1 - k)), and beyond it c (s - d)^2 of a thing is hidden."""
    height, cell = 3.0, 60.0
    view = viewshed(level(401, cell), Camera(LAT, LON, height), 11_000.0)
    horizon, s = math.sqrt(height / CURVATURE), away(view)
    assert horizon == pytest.approx(math.sqrt(2 * 6_371_008.8 * height / 0.87))
    assert np.all(view.seen()[s < horizon - cell])
    hidden = (s > horizon + cell) & (s <= 11_000.0)
    assert not np.any(view.seen()[hidden])
    assert np.allclose(view.depth[hidden], CURVATURE * (s[hidden] - horizon) ** 2, atol=0.02)
    assert np.all(np.isinf(view.depth[s > 11_000.0]))


def test_a_wall_throws_the_shadow_of_its_edge() -> None:
    cell, wall, above = 30.0, 60, 50.0
    terrain = level(301, cell, 0.0)
    terrain.heights[150 + wall : 150 + wall + 4, :] = 80.0
    view = viewshed(terrain, Camera(LAT, LON, above), 4_400.0)
    s, rows = away(view), np.arange(301)[:, None] - 150
    behind = np.isfinite(view.depth) & (rows >= wall + 6)
    edge = np.maximum(s, cell) * wall / np.maximum(rows, 1)
    slope = (80.0 - above) / edge - CURVATURE * edge
    expected = above + s * slope + CURVATURE * s * s
    assert np.count_nonzero(behind) > 1000
    assert np.allclose(view.depth[behind], expected[behind], rtol=0.02)
    assert np.all(view.seen()[np.isfinite(view.depth) & (rows < wall - 2)])
    assert np.all(view.seen(200.0)[behind])


def test_from_the_top_of_a_cone_all_of_it_is_in_sight_and_from_its_foot_not_the_back() -> None:
    cells = 301
    rows, columns = np.mgrid[0:cells, 0:cells] - 150
    cone = np.maximum(600.0 - 0.2 * 30.0 * np.hypot(rows, columns), 0.0).astype(np.float32)
    terrain = Patch.centred(LAT, LON, cone, 30.0)
    slopes = np.hypot(rows, columns) < 95
    assert np.all(viewshed(terrain, Camera(LAT, LON, 5.0), 4_000.0).seen()[slopes])
    lat, lon = terrain.to_geodetic(np.array([[150.0, 10.0]]))
    from_south = viewshed(terrain, Camera(float(lat[0]), float(lon[0]), 2.0), 9_000.0).seen()
    assert np.all(from_south[20:149, 150])
    assert not np.any(from_south[152:260, 150])


@pytest.mark.parametrize("seed", [1, 2])
def test_it_agrees_with_every_single_line_of_sight(seed: int) -> None:
    terrain, camera = hills(161, seed, 100.0), Camera(LAT, LON, 15.0)
    exact = every_line(terrain, camera, 2_300.0, 600)
    view = viewshed(terrain, camera, 2_300.0)
    near = np.isfinite(exact)
    assert 0.02 < (exact[near] <= 0.01).mean() < 0.98
    for above, least in ((0.01, 0.985), (5.0, 0.99), (30.0, 0.99)):
        assert ((view.depth <= above) == (exact <= above))[near].mean() >= least
    assert np.median(np.abs(view.depth[near] - exact[near]) / (1.0 + exact[near])) < 0.01


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 80.0), st.floats(0.0, 80.0), st.floats(5.0, 150.0))
def test_higher_cameras_see_more(seed: int, one: float, other: float, relief: float) -> None:
    terrain = hills(41, seed, relief)
    low, high = (viewshed(terrain, Camera(LAT, LON, at), 600.0) for at in sorted((one, other)))
    known = np.isfinite(low.depth)
    assert np.all(high.depth[known] <= low.depth[known] + 1e-2)
    assert np.all(low.seen(10.0) >= low.seen(5.0))


def test_nothing_is_claimed_behind_what_is_not_known() -> None:
    terrain = level(101, 30.0)
    terrain.heights[60:63, :] = math.nan
    view = viewshed(terrain, Camera(LAT, LON, 20.0), 1_400.0)
    assert np.all(np.isnan(view.depth[64:90, 50]))
    assert np.all(view.seen()[10:58, 50])
    assert not view.seen(1e6)[70, 50]


def test_several_cameras_leave_blind_spots() -> None:
    terrain = level(201, 30.0, 0.0)
    terrain.heights[100, :] = 40.0
    views = []
    for row in (60.0, 140.0):
        lat, lon = terrain.to_geodetic(np.array([[100.0, row]]))
        views.append(viewshed(terrain, Camera(float(lat[0]), float(lon[0]), 10.0), 2_500.0))
    both = coverage(views)
    assert np.array_equal(both.cameras == 2, views[0].seen() & views[1].seen())
    assert both.share(2) < both.share() <= 1.0
    assert not np.any(both.blind & (views[0].seen() | views[1].seen()))
    with pytest.raises(InputError, match="same terrain"):
        coverage([views[0], viewshed(level(101, 30.0), Camera(LAT, LON, 5.0), 500.0)])
    with pytest.raises(InputError) as far:
        viewshed(terrain, Camera(LAT, LON, 5.0), 1.0)
    assert far.value.field == "max_range_m"


masks = st.integers(1, 12).flatmap(
    lambda side: st.lists(st.lists(st.booleans(), min_size=side, max_size=side), min_size=side, max_size=side)
)


@given(masks)
def test_outlines_hold_exactly_the_cells(cells: list[list[bool]]) -> None:
    mask: Mask = np.array(cells, dtype=bool)
    polygons_of = outline(mask)
    again = np.zeros_like(mask)
    for i, j in np.ndindex(*mask.shape):
        crossings = [_crossings(ring, j + 0.5, i + 0.5) for polygon in polygons_of for ring in polygon]
        again[i, j] = sum(crossings) % 2 == 1
    assert np.array_equal(again, mask)
    total = sum(signed_area(ring) for polygon in polygons_of for ring in polygon)
    assert total == pytest.approx(mask.sum())
    for outer, *holes in polygons_of:
        assert signed_area(outer) > 0.0 and all(signed_area(hole) < 0.0 for hole in holes)
        assert all(np.array_equal(ring[0], ring[-1]) for ring in (outer, *holes))


def _crossings(ring: Array, x: float, y: float) -> int:
    count = 0
    for (x1, y1), (x2, y2) in zip(ring[:-1].tolist(), ring[1:].tolist(), strict=True):
        count += x1 == x2 and x1 > x and (y1 > y) != (y2 > y)
    return count


def test_small_islands_and_holes_may_be_left_out() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:12, 2:12] = True
    mask[5, 5] = False
    mask[7:10, 7:10] = False
    mask[17, 17] = True
    assert [len(polygon) for polygon in sorted(outline(mask), key=len)] == [1, 3]
    assert [len(polygon) for polygon in outline(mask, 5)] == [2]


def test_polygons_lie_where_the_cells_do() -> None:
    terrain = level(101, 30.0)
    ((outer,),) = polygons(terrain, viewshed(terrain, Camera(LAT, LON, 10.0), 1_000.0).seen())
    assert outer[0] == outer[-1]
    places = terrain.plane.to_plane(np.array([lat for _, lat in outer]), np.array([lon for lon, _ in outer]))
    assert np.all(np.abs(np.hypot(places[:, 0], places[:, 1]) - 1_000.0) < 45.0)
    assert signed_area(np.array(outer)) > 0.0
