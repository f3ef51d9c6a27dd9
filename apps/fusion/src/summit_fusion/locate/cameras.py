"""The cameras of one localisation as arrays, and the exact direction in which each would see a point.

A tangent plane is not enough: over 24 km at 45 degrees of latitude the meridians converge by 0.2 degrees, and the
sphere errs by up to 0.19 degrees against the ellipsoid. So the azimuths are those of the straight line between two
points of the WGS-84 ellipsoid (the normal section), in the east-north axes of the camera: what a camera that knows
true north measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from summit_core.geo import WGS84_A, WGS84_E2, LocalFrame, wrap_longitude

from summit_fusion.locate.sightline import SightLine

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cameras:
    """``n`` sight lines. Angles in radians, ``plane`` positions in metres in ``frame`` (east, north; shape (n, 2))."""

    frame: LocalFrame
    plane: Array
    azimuth: Array
    sigma: Array
    axes: Array
    """East and north unit vectors of the cameras in earth-centred coordinates, as columns: shape (3, 2n)."""
    offset: Array
    """The cameras' own coordinates along those axes: shape (2n,)."""

    @classmethod
    def of(cls, lines: Sequence[SightLine]) -> "Cameras":
        """A frame centred between the cameras keeps the plane's part of the work small; it crosses the antimeridian."""
        lat = np.array([line.lat for line in lines])
        lon = np.array([line.lon for line in lines])
        east_of_first = (lon - lon[0] + 180.0) % 360.0 - 180.0
        frame = LocalFrame(float(lat.mean()), wrap_longitude(float(lon[0] + east_of_first.mean())))
        phi, lam = np.radians(lat), np.radians(lon)
        sin_phi, cos_phi, sin_lam, cos_lam = np.sin(phi), np.cos(phi), np.sin(lam), np.cos(lam)
        east = np.stack([-sin_lam, cos_lam, np.zeros_like(lam)])
        north = np.stack([-sin_phi * cos_lam, -sin_phi * sin_lam, cos_phi])
        axes = np.concatenate([east, north], axis=1)
        position = ecef(lat, lon)
        return cls(
            frame=frame,
            plane=np.array([frame.to_enu(line.lat, line.lon) for line in lines]),
            azimuth=np.radians([line.azimuth_deg for line in lines]),
            sigma=np.radians([line.sigma_deg for line in lines]),
            axes=axes,
            offset=(np.concatenate([position, position], axis=0) * axes.T).sum(axis=1),
        )

    def sight(self, points: Array) -> tuple[Array, Array, Array]:
        """East and north of each point from each camera (metres, the camera's axes) and the azimuth residual (radians).

        ``points``: plane positions, shape (k, 2). Answers have shape (k, n). The residual is measured minus predicted,
        in [-pi, pi): beyond a right angle the point is behind the camera.
        """
        east_scale, north_scale = self.frame.metres_per_degree
        geocentric = ecef(self.frame.lat + points[:, 1] / north_scale, self.frame.lon + points[:, 0] / east_scale)
        along = geocentric @ self.axes - self.offset
        n = len(self.azimuth)
        east, north = along[:, :n], along[:, n:]
        residual = self.azimuth - np.arctan2(east, north)
        return east, north, (residual + np.pi) % (2.0 * np.pi) - np.pi


def ecef(lat: Array, lon: Array) -> Array:
    """Earth-centred coordinates (metres, shape (k, 3)) of points of the WGS-84 ellipsoid given in degrees."""
    phi, lam = np.radians(lat), np.radians(lon)
    sin_phi = np.sin(phi)
    prime_vertical = WGS84_A / np.sqrt(1.0 - WGS84_E2 * sin_phi * sin_phi)
    across = prime_vertical * np.cos(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), prime_vertical * (1.0 - WGS84_E2) * sin_phi], axis=1)
