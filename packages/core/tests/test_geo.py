"""Geodesy against published values and invariants."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core import geo

LATITUDES = st.floats(-80, 80)
LONGITUDES = st.floats(-180, 179.99)


def test_a_degree_at_the_equator_and_at_45_north() -> None:
    """Snyder, Map Projections (USGS PP 1395), p. 25: 111 321 and 78 849 m of longitude, 110 574 and 111 132 m."""
    east, north = geo.LocalFrame(0.0, 0.0).metres_per_degree
    assert (east, north) == (pytest.approx(111_320, abs=2), pytest.approx(110_574, abs=2))
    east, north = geo.LocalFrame(45.0, 0.0).metres_per_degree
    assert (east, north) == (pytest.approx(78_847, abs=3), pytest.approx(111_132, abs=3))


@given(LATITUDES, LONGITUDES, st.floats(-40_000, 40_000), st.floats(-40_000, 40_000))
def test_the_plane_and_back_is_the_same_point(lat: float, lon: float, east: float, north: float) -> None:
    frame = geo.LocalFrame(lat, lon)
    assert frame.to_enu(*frame.to_geodetic(east, north)) == pytest.approx((east, north), abs=1e-5)


@given(LATITUDES, LONGITUDES, st.floats(0, 359.9), st.floats(10, 200_000))
def test_a_destination_lies_at_its_distance_and_bearing(
    lat: float, lon: float, bearing: float, distance: float
) -> None:
    to = geo.destination(lat, lon, bearing, distance)
    assert geo.distance_m(lat, lon, *to) == pytest.approx(distance, rel=1e-6)
    assert geo.wrap_angle(geo.initial_bearing_deg(lat, lon, *to) - bearing) == pytest.approx(0, abs=0.01)


def test_the_error_ellipse_of_a_diagonal_covariance() -> None:
    major, minor, direction = geo.ellipse(((100.0, 0.0), (0.0, 400.0)))
    assert (major, minor) == (
        pytest.approx(20 * math.sqrt(5.991), rel=1e-3),
        pytest.approx(10 * math.sqrt(5.991), rel=1e-3),
    )
    assert direction == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-90, 90), LONGITUDES)
def test_every_cell_fits_a_signed_64_bit_column(lat: float, lon: float) -> None:
    assert 0 < geo.cell(lat, lon) < 2**63
