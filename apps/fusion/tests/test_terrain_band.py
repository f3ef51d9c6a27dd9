"""Bands of single cameras: formulas on simple ground, coverage on rough ground, and what they add to bearings."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from summit_core.errors import InputError
from summit_core.geo import distance_m
from summit_fusion.locate import Fix, SightLine, locate
from summit_fusion.terrain import Band, Camera, Patch, band, sharpen, viewshed
from summit_fusion.terrain.raycast import CURVATURE, Eye

LAT, LON = 44.0, 5.0
Heights = NDArray[np.float32]


def level(cells: int = 401, cell_m: float = 30.0) -> Patch:
    return Patch.centred(LAT, LON, np.full((cells, cells), 100.0, dtype=np.float32), cell_m)


def hills(cells: int, seed: int, relief: float) -> Patch:
    noise = np.random.default_rng(seed).normal(size=(cells, cells))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(cells), np.fft.fftfreq(cells)))
    frequency[0, 0] = 1.0
    made = np.fft.ifft2(np.fft.fft2(noise) / frequency**2).real
    return Patch.centred(LAT, LON, ((made - made.mean()) / made.std() * relief).astype(np.float32), 30.0)


def on_top(terrain: Patch, around: int = 60) -> Camera:
    """A tower on the highest cell near the middle."""
    middle = terrain.heights.shape[0] // 2
    part = terrain.heights[middle - around : middle + around, middle - around : middle + around]
    row, column = np.unravel_index(int(np.argmax(part)), part.shape)
    lat, lon = terrain.to_geodetic(np.array([[float(column), float(row)]]) + middle - around)
    return Camera(float(lat[0]), float(lon[0]), 20.0)


def true_angles(terrain: Patch, camera: Camera, row: int, column: int) -> tuple[float, float]:
    """Azimuth and elevation (degrees) in which a camera has the ground of a cell."""
    eye = Eye.of(terrain, camera)
    east, north = column - eye.column, row - eye.row
    s = math.hypot(east, north) * terrain.cell_m
    slope = (float(terrain.heights[row, column]) - eye.altitude) / s - CURVATURE * s
    return math.degrees(math.atan2(east, north) - eye.north) % 360.0, math.degrees(math.atan(slope))


def test_on_level_ground_the_elevation_angle_gives_the_range() -> None:
    """alt = 60 m at -1 degree: 3.45 km; 0.1 degrees of sigma move that by 10 %."""
    found = band(level(), Camera(LAT, LON, 60.0), 75.0, 1.0, (-1.0, 0.1), max_range_m=5_900.0)
    tangent = math.tan(math.radians(1.0))
    s = (tangent - math.sqrt(tangent**2 - 4 * CURVATURE * 60.0)) / (2 * CURVATURE)
    (interval,) = found.intervals
    assert s / 1.25 < interval.near_m < s < interval.far_m < s * 1.35
    assert interval.probability == pytest.approx(0.95, abs=0.02)
    assert (found.hidden, found.reason) == (0.0, None)
    assert found.beyond < 0.01
    lat, lon = found.terrain.plane.to_geodetic(s * np.array([[math.sin(math.radians(75)), math.cos(math.radians(75))]]))
    assert found.contains(float(lat[0]), float(lon[0]))
    assert not found.contains(LAT, LON) and not found.contains(LAT + 1.0, LON)


def test_without_an_elevation_angle_it_is_all_that_the_camera_sees() -> None:
    found = band(level(), Camera(LAT, LON, 30.0), 200.0, 2.0, max_range_m=5_000.0)
    assert sum(one.far_m - one.near_m for one in found.intervals) == pytest.approx(0.95 * 5_000.0, rel=0.03)


def test_smoke_over_a_ridge_may_stand_behind_it() -> None:
    terrain = level()
    terrain.heights[300:304, :] = 180.0
    camera = Camera(LAT, LON, 50.0)
    _, crest = true_angles(terrain, camera, 300, 200)
    found = band(terrain, camera, 0.0, 0.5, (crest, 0.05), max_range_m=5_500.0)
    behind = [one for one in found.intervals if one.far_m > 3_400.0]
    assert found.hidden > 0.5
    assert behind and all(one.rise_m > 30.0 or one.near_m < 3_200.0 for one in behind)
    foot = band(terrain, camera, 0.0, 0.5, (-1.5, 0.05), max_range_m=5_500.0)
    assert foot.hidden < 0.05
    assert all(one.far_m < 3_000.0 for one in foot.intervals)


def test_an_angle_that_no_ground_explains_is_left_out_and_told() -> None:
    camera = Camera(LAT, LON, 30.0)
    found = band(level(), camera, 10.0, 1.0, (25.0, 0.1), max_range_m=5_000.0)
    assert found.reason == "above_skyline"
    assert found.intervals == band(level(), camera, 10.0, 1.0, max_range_m=5_000.0).intervals
    steep = band(level(), camera, 10.0, 1.0, (-80.0, 1.0), max_range_m=5_000.0)
    assert steep.reason is None and steep.intervals[-1].far_m <= 30.0


def test_ground_that_is_not_known_is_told_apart() -> None:
    terrain = level()
    terrain.heights[250:, :] = math.nan
    camera = Camera(LAT, LON, 30.0)
    north = band(terrain, camera, 0.0, 1.0, max_range_m=5_000.0)
    assert north.beyond == pytest.approx(1.0 - 49 * 30.0 / 5_000.0, abs=0.02)
    assert all(one.far_m <= 1_500.0 for one in north.intervals)
    assert band(terrain, camera, 180.0, 1.0, max_range_m=5_000.0).beyond < 1e-9
    terrain.heights[:, :] = math.nan
    terrain.heights[200:202, 200:202] = 100.0
    nothing = band(terrain, camera, 45.0, 1.0, max_range_m=5_000.0)
    assert nothing.beyond > 0.99


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_fires_lie_in_the_bands_of_the_cameras_that_see_them(sigma: float) -> None:
    random = np.random.default_rng(7)
    held, cases = 0, 0
    for seed in range(3):
        terrain = hills(601, seed, 150.0)
        camera = on_top(terrain)
        view = viewshed(terrain, camera, 7_000.0)
        rows, columns = np.nonzero(view.seen())
        for pick in random.integers(0, len(rows), 60):
            azimuth, elevation = true_angles(terrain, camera, int(rows[pick]), int(columns[pick]))
            lat, lon = terrain.to_geodetic(np.array([[float(columns[pick]), float(rows[pick])]]))
            seen = (elevation + random.normal(0.0, sigma), sigma)
            found = band(terrain, camera, (azimuth + random.normal()) % 360.0, 1.0, seen, max_range_m=7_000.0)
            held += found.contains(float(lat[0]), float(lon[0]))
            cases += 1
    assert held / cases > 0.91  # 0.95 within its own standard error of 0.016


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.0, 360.0), st.floats(0.05, 10.0), st.floats(-8.0, 3.0) | st.none())
def test_any_band_is_a_probability_with_its_region(
    seed: int, azimuth: float, sigma: float, elevation: float | None
) -> None:
    terrain = hills(101, seed, 60.0)
    seen = None if elevation is None else (elevation, 0.2)
    found = band(terrain, on_top(terrain, 20), azimuth, sigma, seen, max_range_m=2_000.0)
    within = float(found.mass.sum())
    assert within + found.beyond == pytest.approx(1.0)
    assert 0.0 <= found.hidden <= 1.0 + 1e-9
    assert all(one.near_m < one.far_m for one in found.intervals)
    assert all(one.far_m < other.near_m for one, other in pairwise(found.intervals))
    assert sum(one.probability for one in found.intervals) >= 0.95 * within - 1e-9
    assert found.mass[found.region()].sum() >= 0.95 * within - 1e-9
    assert all(ring[0] == ring[-1] for polygon in found.polygons() for ring in polygon)


def test_the_polygon_covers_the_region() -> None:
    """Its area, on the ground, is that of the cells: range times azimuth."""
    found = band(level(), Camera(LAT, LON, 60.0), 75.0, 4.0, (-1.0, 0.1), max_range_m=5_900.0)
    width, step = found.offsets[1] - found.offsets[0], 15.0
    middles = (np.arange(found.mass.shape[1]) + 0.5) * step
    expected = float((found.region() * middles * step * width).sum())
    total = 0.0
    for polygon in found.polygons():
        for ring in polygon:
            lon, lat = np.array(ring).T
            x, y = found.terrain.plane.to_plane(lat, lon).T
            total += float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)
    assert total == pytest.approx(expected, rel=1e-3)


def two_cameras(terrain: Patch, random: np.random.Generator) -> tuple[Fix, list[Band], tuple[float, float]] | None:
    """Cameras almost in line with the fire: bearings alone leave its range open."""
    near = on_top(terrain, 30)
    far = Camera(*_moved(terrain, near, -3_000.0, 400.0), 30.0)
    rows, columns = np.nonzero(viewshed(terrain, near, 6_000.0).seen() & viewshed(terrain, far, 9_000.0).seen())
    east = np.flatnonzero((columns > 350) & (columns < 420) & (np.abs(rows - 300) < 40))
    if not len(east):
        return None
    pick = int(random.choice(east))
    lines, bands = [], []
    for camera in (near, far):
        azimuth, elevation = true_angles(terrain, camera, int(rows[pick]), int(columns[pick]))
        azimuth = (azimuth + random.normal(0.0, 0.5)) % 360.0
        lines.append(SightLine("", camera.lat, camera.lon, azimuth, 0.5))
        bands.append(band(terrain, camera, azimuth, 0.5, (elevation + random.normal(0.0, 0.1), 0.1)))
    lat, lon = terrain.to_geodetic(np.array([[float(columns[pick]), float(rows[pick])]]))
    return locate(lines), bands, (float(lat[0]), float(lon[0]))


def _moved(terrain: Patch, camera: Camera, east: float, north: float) -> tuple[float, float]:
    here = terrain.plane.to_plane(np.array([camera.lat]), np.array([camera.lon]))
    lat, lon = terrain.plane.to_geodetic(here + np.array([[east, north]]))
    return float(lat[0]), float(lon[0])


def test_terrain_sharpens_what_bearings_leave_open() -> None:
    random = np.random.default_rng(3)
    before, after, inside = [], [], []
    for seed in range(24):
        case = two_cameras(hills(601, seed, 120.0), random)
        if case is None or not case[0].hypotheses:
            continue
        fix, bands, fire = case
        better = sharpen(fix, bands)
        before.append(distance_m(fix.hypotheses[0].lat, fix.hypotheses[0].lon, *fire))
        after.append(distance_m(better.hypotheses[0].lat, better.hypotheses[0].lon, *fire))
        smaller = np.linalg.det(np.array(better.hypotheses[0].cov_m2)) < np.linalg.det(
            np.array(fix.hypotheses[0].cov_m2)
        )
        inside.append(bool(smaller))
        assert sum(one.weight for one in better.hypotheses) == pytest.approx(1.0, abs=0.05)
    assert len(before) >= 8
    assert math.hypot(*after) < 0.6 * math.hypot(*before)
    assert np.mean(inside) > 0.9


def test_a_fix_without_places_or_bands_stays_as_it_is() -> None:
    empty = Fix(ambiguous=True, reason="too_few", hypotheses=())
    found = band(level(), Camera(LAT, LON, 30.0), 10.0, 1.0, max_range_m=5_000.0)
    assert sharpen(empty, [found]) is empty
    lines = [SightLine("", LAT, LON, 45.0, 1.0), SightLine("", LAT, LON + 0.05, 315.0, 1.0)]
    fix = locate(lines)
    assert sharpen(fix, []) is fix


@pytest.mark.parametrize(
    ("sigma", "elevation", "reach", "field"),
    [
        (0.0, None, 5_000.0, "sigma_deg"),
        (math.nan, None, 5_000.0, "sigma_deg"),
        (1.0, (math.nan, 0.1), 5_000.0, "elevation"),
        (1.0, (0.0, 0.0), 5_000.0, "elevation"),
        (1.0, None, math.inf, "max_range_m"),
    ],
)
def test_nonsense_is_refused_by_name(
    sigma: float, elevation: tuple[float, float] | None, reach: float, field: str
) -> None:
    with pytest.raises(InputError) as refused:
        band(level(), Camera(LAT, LON, 30.0), 10.0, sigma, elevation, max_range_m=reach)
    assert refused.value.field == field
