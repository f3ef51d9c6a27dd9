"""A map plane in which sight lines are straight: azimuthal equidistant on the WGS-84 ellipsoid (Snyder 1987, p. 191).

From the origin, directions are those of the straight line between two points of the ellipsoid (what a camera that
knows true north measures) and distances are along the ground. At 50 km from the origin, distances across err by one
part in 10^5, so one plane serves all cameras of a region, each with its own direction of true north.
"""

import math
from dataclasses import dataclass

import numpy as np
from summit_core.geo import MEAN_RADIUS_M, LocalFrame

from summit_fusion.locate.cameras import Array, ecef


@dataclass(frozen=True, slots=True)
class Plane:
    """East and north metres from ``lat, lon`` (degrees)."""

    lat: float
    lon: float

    def to_plane(self, lat: Array, lon: Array) -> Array:
        """Positions in the plane, shape (n, 2)."""
        phi, lam = math.radians(self.lat), math.radians(self.lon)
        east = np.array([-math.sin(lam), math.cos(lam), 0.0])
        north = np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)])
        away = ecef(np.asarray(lat, float), np.asarray(lon, float)) - ecef(np.array([self.lat]), np.array([self.lon]))
        flat = away @ np.stack([east, north], axis=1)
        chord = np.linalg.norm(away, axis=1)
        ground = 2.0 * MEAN_RADIUS_M * np.arcsin(np.minimum(chord / (2.0 * MEAN_RADIUS_M), 1.0))
        return np.asarray(flat * (ground / np.maximum(np.hypot(flat[:, 0], flat[:, 1]), 1e-9))[:, None])

    def to_geodetic(self, points: Array) -> tuple[Array, Array]:
        """Latitude, longitude of points of the plane: the inverse, by fixed-point steps in the local metric."""
        east_scale, north_scale = LocalFrame(self.lat, self.lon).metres_per_degree
        scale = np.array([east_scale, north_scale])
        degrees = np.array([self.lon, self.lat]) + points / scale
        for _ in range(8):
            degrees = degrees + (points - self.to_plane(degrees[:, 1], degrees[:, 0])) / scale
        return degrees[:, 1], (degrees[:, 0] + 180.0) % 360.0 - 180.0

    def north_at(self, lat: float, lon: float) -> float:
        """Direction of true north at a place, radians clockwise from the plane's own north."""
        south, north = self.to_plane(np.array([lat - 5e-4, lat + 5e-4]), np.array([lon, lon]))
        return math.atan2(north[0] - south[0], north[1] - south[1])
