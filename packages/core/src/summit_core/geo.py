"""Geodesy on WGS-84: local east-north plane, great circle, H3 cells. Pure functions; degrees and metres."""

import math
from dataclasses import dataclass

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

WGS84_A = 6_378_137.0
WGS84_E2 = 6.694_379_990_141_317e-3
MEAN_RADIUS_M = 6_371_008.8
"""Mean earth radius R1 (Moritz, Geodetic Reference System 1980)."""
H3_RESOLUTION = 5

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """A tangent plane at ``lat, lon``: east and north in metres from there.

    Uses the meridional and prime-vertical radii of curvature at the origin; the error is below 0.1 % of the distance
    within 50 km away from the poles, far below the noise of the sensors that meet here.
    """

    lat: float
    lon: float

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        """East metres a degree of longitude, north metres a degree of latitude."""
        phi = math.radians(self.lat)
        w2 = 1.0 - WGS84_E2 * math.sin(phi) ** 2
        prime_vertical = WGS84_A / math.sqrt(w2)
        meridional = prime_vertical * (1.0 - WGS84_E2) / w2
        return math.radians(prime_vertical * math.cos(phi)), math.radians(meridional)

    def to_enu(self, lat: float, lon: float) -> tuple[float, float]:
        """East, north of a position, metres. Crosses the antimeridian the short way."""
        east, north = self.metres_per_degree
        return wrap_longitude(lon - self.lon) * east, (lat - self.lat) * north

    def to_geodetic(self, east: float, north: float) -> tuple[float, float]:
        """Latitude, longitude of a point of the plane."""
        east_scale, north_scale = self.metres_per_degree
        return self.lat + north / north_scale, wrap_longitude(self.lon + east / east_scale)


def wrap_longitude(lon: float) -> float:
    """Into [-180, 180)."""
    return (lon + 180.0) % 360.0 - 180.0


def wrap_angle(deg: float) -> float:
    """Signed difference of two directions, into [-180, 180)."""
    return (deg + 180.0) % 360.0 - 180.0


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance (haversine) on the mean sphere; within 0.6 % of the ellipsoid."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((phi2 - phi1) / 2) ** 2
    half += math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * MEAN_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def initial_bearing_deg(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Direction of departure along the great circle, degrees clockwise from true north."""
    phi1, phi2, dlon = math.radians(lat1), math.radians(lat2), math.radians(lon2 - lon1)
    y = math.sin(dlon) * math.cos(phi2)
    x = math.cos(phi1) * math.sin(phi2) - math.sin(phi1) * math.cos(phi2) * math.cos(dlon)
    return math.degrees(math.atan2(y, x)) % 360.0


def destination(lat: float, lon: float, bearing_deg: float, distance: float) -> tuple[float, float]:
    """Where a great circle leads after ``distance`` metres."""
    phi, theta, delta = math.radians(lat), math.radians(bearing_deg), distance / MEAN_RADIUS_M
    phi2 = math.asin(math.sin(phi) * math.cos(delta) + math.cos(phi) * math.sin(delta) * math.cos(theta))
    y = math.sin(theta) * math.sin(delta) * math.cos(phi)
    lon2 = math.radians(lon) + math.atan2(y, math.cos(delta) - math.sin(phi) * math.sin(phi2))
    return math.degrees(phi2), wrap_longitude(math.degrees(lon2))


def ellipse(
    cov_m2: tuple[tuple[float, float], tuple[float, float]], probability: float = 0.95
) -> tuple[float, float, float]:
    """Semi-major, semi-minor (metres) and direction of the major axis (degrees from north) of an error ellipse."""
    values, vectors = np.linalg.eigh(np.asarray(cov_m2, dtype=float))
    scale = math.sqrt(-2.0 * math.log(1.0 - probability))
    major, minor = math.sqrt(max(values[1], 0.0)) * scale, math.sqrt(max(values[0], 0.0)) * scale
    return major, minor, math.degrees(math.atan2(vectors[0, 1], vectors[1, 1])) % 180.0


def cell(lat: float, lon: float, resolution: int = H3_RESOLUTION) -> int:
    """The H3 cell of a position, as the 64-bit number that PostgreSQL stores (always below 2**63)."""
    found: int = h3.latlng_to_cell(lat, lon, resolution)
    return found
