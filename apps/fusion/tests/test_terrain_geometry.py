"""The plane, the ground and lines of sight against formulas and an independent projection."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform
from summit_core.errors import InputError
from summit_fusion.locate.cameras import Array, ecef
from summit_fusion.terrain import Camera, Patch, Plane, cast
from summit_fusion.terrain.raycast import CURVATURE, Eye

latitudes = st.floats(-80.0, 80.0)
longitudes = st.floats(-180.0, 180.0)


def true_azimuth(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Direction (radians) of the straight line between two points of the ellipsoid."""
    away = ecef(np.array([to_lat]), np.array([to_lon]))[0] - ecef(np.array([lat]), np.array([lon]))[0]
    phi, lam = math.radians(lat), math.radians(lon)
    east = np.array([-math.sin(lam), math.cos(lam), 0.0])
    north = np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)])
    return math.atan2(away @ east, away @ north)


@settings(max_examples=40, deadline=None)
@given(latitudes, longitudes, st.floats(0.0, 360.0), st.floats(10.0, 100_000.0))
def test_the_plane_is_the_azimuthal_equidistant_one_of_proj(lat: float, lon: float, turn: float, away: float) -> None:
    plane = Plane(lat, lon)
    point = away * np.array([[math.sin(math.radians(turn)), math.cos(math.radians(turn))]])
    to_lat, to_lon = plane.to_geodetic(point)
    projection = CRS.from_proj4(f"+proj=aeqd +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84 +units=m")
    x, y = transform("EPSG:4326", projection, to_lon.tolist(), to_lat.tolist())
    assert np.allclose([[x[0], y[0]]], point, atol=0.05)
    assert np.allclose(plane.to_plane(to_lat, to_lon), point, atol=1e-3)
    assert -180.0 <= to_lon[0] < 180.0


@settings(max_examples=40, deadline=None)
@given(latitudes, longitudes, st.floats(-40_000.0, 40_000.0), st.floats(0.0, 2.0 * math.pi))
def test_a_camera_away_from_the_middle_has_its_own_north(lat: float, lon: float, aside: float, turn: float) -> None:
    """Directions measured in the plane from any camera, with its own north, are true azimuths to 0.003 degrees."""
    plane = Plane(lat, lon)
    here = np.array([aside, -0.7 * aside])
    there = here + 15_000.0 * np.array([math.sin(turn), math.cos(turn)])
    lats, lons = plane.to_geodetic(np.array([here, there]))
    measured = turn - plane.north_at(float(lats[0]), float(lons[0]))
    true = true_azimuth(*(float(value) for value in (lats[0], lons[0], lats[1], lons[1])))
    assert abs(math.remainder(measured - true, 2.0 * math.pi)) < math.radians(0.003)


def plain(slope_east: float, cells: int = 401, cell_m: float = 30.0) -> Patch:
    """A plane that rises eastwards, through height 500 in the middle."""
    east = (np.arange(cells) - (cells - 1) / 2.0) * cell_m
    return Patch.centred(44.0, 5.0, np.tile(500.0 + slope_east * east, (cells, 1)).astype(np.float32), cell_m)


@settings(deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-5_000.0, 5_000.0), st.floats(-5_000.0, 5_000.0))
def test_heights_between_cells_are_bilinear(slope: float, east: float, north: float) -> None:
    terrain = plain(slope)
    lat, lon = terrain.plane.to_geodetic(np.array([[east, north]]))
    assert terrain.at(float(lat[0]), float(lon[0])) == pytest.approx(500.0 + slope * east, abs=0.02)


def test_what_is_not_known_has_no_height() -> None:
    terrain = plain(0.0)
    terrain.heights[200, 260] = math.nan
    with pytest.raises(InputError, match="outside") as outside:
        terrain.at(44.5, 5.0)
    assert outside.value.field == "position"
    lat, lon = terrain.to_geodetic(np.array([[259.5, 200.0]]))
    with pytest.raises(InputError, match="no value") as unknown:
        Eye.of(terrain, Camera(float(lat[0]), float(lon[0]), 10.0))
    assert unknown.value.field == "camera"
    with pytest.raises(InputError) as below:
        Eye.of(terrain, Camera(44.0, 5.0, -1.0))
    assert below.value.field == "camera.height_m"


@settings(deadline=None)
@given(st.floats(5.0, 200.0), st.floats(-20.0, 0.5), st.floats(0.0, 360.0))
def test_a_line_meets_level_ground_where_the_formula_says(height: float, elevation: float, azimuth: float) -> None:
    """height + s tan(e) + CURVATURE s^2 = 0; without a solution the line passes over the horizon."""
    tangent = math.tan(math.radians(elevation))
    inside = tangent * tangent - 4.0 * CURVATURE * height
    expected = (-tangent - math.sqrt(inside)) / (2.0 * CURVATURE) if inside >= 0.0 and tangent < 0.0 else math.inf
    (found,) = cast(plain(0.0), Camera(44.0, 5.0, height), np.array([azimuth]), np.array([elevation]), 5_900.0)
    if expected < 5_890.0:
        assert found == pytest.approx(expected, rel=1e-3, abs=0.1)
    elif expected > 5_910.0:
        assert math.isnan(found)


def test_a_line_meets_a_slope_at_its_true_azimuth() -> None:
    """Eastwards the ground rises towards the camera's level line, westwards it falls away."""
    azimuths: Array = np.array([90.0, 270.0, 45.0])
    east, west, corner = cast(plain(0.1), Camera(44.0, 5.0, 20.0), azimuths, np.zeros(3), 5_000.0)
    assert east == pytest.approx(200.0, abs=0.5)
    assert math.isnan(west)
    assert corner == pytest.approx(200.0 * math.sqrt(2.0), abs=0.5)
