"""Chart: a plane that is true to the earth within hundreds of kilometres, wherever its centre lies.

The ellipsoid is laid on a sphere and the sphere on a plane, both conformally (Snyder, "Map Projections: A Working
Manual", USGS 1395, pages 160 to 163: oblique stereographic), so the frame of a place is the plane's frame turned and
scaled: no direction is stretched more than another. The way there and back is exact. Directions are kept as vectors,
which know neither poles nor an antimeridian.

At ``r`` metres from the centre the scale is 1 + (r / 12,742 km)^2: 1.0015 at 500 km. Covariances and velocities are
carried over with it, so what remains is how much it changes along a step: 2 mm in a second at 300 m/s.
"""

import math
from dataclasses import dataclass

import numpy as np
from summit_core.geo import WGS84_A, WGS84_E2, destination, distance_m, initial_bearing_deg

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import FULL, UU, UV, VV, XU, XV, XX, XY, YU, YV, YY, Arrays, Floats

ECCENTRICITY = math.sqrt(WGS84_E2)
STEEPEST = math.radians(89.9999999)
"""Scale and direction of a place nearer to a pole are those of this latitude (11 mm away)."""
_E4, _E6, _E8 = WGS84_E2**2, WGS84_E2**3, WGS84_E2**4
SERIES = (
    WGS84_E2 / 2.0 + 5.0 * _E4 / 24.0 + _E6 / 12.0 + 13.0 * _E8 / 360.0,
    7.0 * _E4 / 48.0 + 29.0 * _E6 / 240.0 + 811.0 * _E8 / 11520.0,
    7.0 * _E6 / 120.0 + 81.0 * _E8 / 1120.0,
    4279.0 * _E8 / 161280.0,
)


@kernel
def conformal(lat: float) -> float:
    """Conformal latitude of a latitude (radians)."""
    wave = ECCENTRICITY * math.sin(lat)
    half = math.tan(math.pi / 4.0 + lat / 2.0) * ((1.0 - wave) / (1.0 + wave)) ** (ECCENTRICITY / 2.0)
    return 2.0 * math.atan(half) - math.pi / 2.0


@kernel
def geodetic(chi: float) -> float:
    """The inverse of ``conformal`` (Snyder, equation 3-5, to the eighth power of the eccentricity: micrometres)."""
    return (
        chi + SERIES[0] * math.sin(2.0 * chi) + SERIES[1] * math.sin(4.0 * chi)
        + SERIES[2] * math.sin(6.0 * chi) + SERIES[3] * math.sin(8.0 * chi)
    )  # fmt: skip


@kernel
def stretch(lat: float, chi: float) -> float:
    """How far a metre on the ellipsoid goes on the unit sphere, 1/m."""
    return math.cos(chi) * math.sqrt(1.0 - WGS84_E2 * math.sin(lat) ** 2) / (WGS84_A * math.cos(lat))


@kernel
def lay(lat: Floats, lon: Floats, axes: Floats, radius: float) -> tuple[Floats, Floats]:
    """Places (degrees) on the plane: east, north (n, 2) in metres; and the frame of each (n, 2): how much of the
    plane's east and north one metre to the east is there. One metre to the north is that turned left."""
    count = len(lat)
    plane, frame = np.empty((count, 2)), np.empty((count, 2))
    for k in range(count):
        phi, lam = math.radians(min(90.0, max(-90.0, lat[k]))), math.radians(lon[k])
        phi = min(STEEPEST, max(-STEEPEST, phi))
        chi = conformal(phi)
        flat = math.cos(chi)
        x, y, z = flat * math.cos(lam), flat * math.sin(lam), math.sin(chi)
        east = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
        north = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
        whole = 1.0 + axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        plane[k, 0], plane[k, 1] = 2.0 * radius * east / whole, 2.0 * radius * north / whole
        x, y = -math.sin(lam), math.cos(lam)
        up = axes[2, 0] * x + axes[2, 1] * y
        scale = 2.0 * radius * stretch(phi, chi) / (whole * whole)
        frame[k, 0] = scale * ((axes[0, 0] * x + axes[0, 1] * y) * whole - east * up)
        frame[k, 1] = scale * ((axes[1, 0] * x + axes[1, 1] * y) * whole - north * up)
    return plane, frame


@kernel
def raise_(plane: Floats, axes: Floats, radius: float) -> tuple[Floats, Floats]:
    """The inverse of ``lay``: latitude and longitude, degrees."""
    lat, lon = np.empty(len(plane)), np.empty(len(plane))
    for k in range(len(plane)):
        a, b = plane[k, 0] / (2.0 * radius), plane[k, 1] / (2.0 * radius)
        far = a * a + b * b
        a, b, c = 2.0 * a / (1.0 + far), 2.0 * b / (1.0 + far), (1.0 - far) / (1.0 + far)
        x = axes[0, 0] * a + axes[1, 0] * b + axes[2, 0] * c
        y = axes[0, 1] * a + axes[1, 1] * b + axes[2, 1] * c
        z = axes[0, 2] * a + axes[1, 2] * b + axes[2, 2] * c
        lat[k] = math.degrees(geodetic(math.atan2(z, math.hypot(x, y))))
        lon[k] = math.degrees(math.atan2(y, x))
    return lat, lon


@dataclass(frozen=True, slots=True)
class Chart:
    """``axes``: unit vectors of east, north, up at the centre. ``radius``: of the sphere, which makes the scale 1."""

    lat: float
    lon: float
    axes: Floats
    radius: float

    @classmethod
    def at(cls, lat: float, lon: float) -> "Chart":
        """The chart with its centre at a place, degrees."""
        phi, lam = max(-STEEPEST, min(STEEPEST, math.radians(lat))), math.radians(lon)
        chi = conformal(phi)
        sin, cos, out = math.sin(chi), math.cos(chi), (math.cos(lam), math.sin(lam))
        axes = [[-out[1], out[0], 0.0], [-sin * out[0], -sin * out[1], cos], [cos * out[0], cos * out[1], sin]]
        return cls(lat, lon, np.array(axes), 1.0 / stretch(phi, chi))

    def lay(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Places on the plane (n, 2) in metres, and the frame of each (n, 2)."""
        return lay(lat, lon, self.axes, self.radius)

    def places(self, plane: Floats) -> tuple[Floats, Floats]:
        """Latitudes and longitudes of points (n, 2) of the plane."""
        return raise_(np.ascontiguousarray(plane), self.axes, self.radius)

    def circle(self, lat: float, lon: float, radius_m: float) -> tuple[float, float, float]:
        """East, north, radius on the plane of a circle on the earth (this projection keeps circles)."""
        towards = initial_bearing_deg(lat, lon, self.lat, self.lon)
        reach = min(radius_m, 0.9 * (math.pi * self.radius - distance_m(lat, lon, self.lat, self.lon)))
        ends = [destination(lat, lon, towards, reach), destination(lat, lon, towards + 180.0, reach)]
        (a, b), _ = self.lay(np.array([end[0] for end in ends]), np.array([end[1] for end in ends]))
        return float(a[0] + b[0]) / 2.0, float(a[1] + b[1]) / 2.0, math.hypot(*(a - b)) / 2.0


def noise_on_plane(noise: Floats, frame: Floats) -> Floats:
    """Covariances xx, xy, yy of places, (n, 3), in the plane."""
    a, b = frame[:, 0], frame[:, 1]
    xx, xy, yy = noise[:, 0], noise[:, 1], noise[:, 2]
    return np.stack(
        [
            a * a * xx - 2.0 * a * b * xy + b * b * yy,
            a * b * (xx - yy) + (a * a - b * b) * xy,
            b * b * xx + 2.0 * a * b * xy + a * a * yy,
        ],
        1,
    )


def turning(frame: Floats, back: bool = False) -> Floats:
    """(n, 4, 4): what takes a state of the frame of a place to the plane, or back."""
    a, b = frame[:, 0], frame[:, 1]
    if back:
        scale = a * a + b * b
        a, b = a / scale, -b / scale
    turn = np.zeros((len(frame), 4, 4))
    for k in (0, 2):
        turn[:, k, k], turn[:, k, k + 1], turn[:, k + 1, k], turn[:, k + 1, k + 1] = a, -b, b, a
    return turn


def move_frame(rows: Arrays, one: Chart, other: Chart) -> None:
    """Carry tracks from one chart to another, in place: the mean exactly, velocity and covariance turned and scaled."""
    if one is other or rows.count == 0:
        return
    mean, packed = rows.mean[: rows.count], rows.cov[: rows.count]
    for m in range(mean.shape[1]):
        lat, lon = one.places(mean[:, m, :2])
        _, here = one.lay(lat, lon)
        plane, there = other.lay(lat, lon)
        turn = turning(there) @ turning(here, back=True)
        mean[:, m, :2] = plane
        mean[:, m, 2:] = np.einsum("ijk,ik->ij", turn[:, 2:, 2:], mean[:, m, 2:])
        whole = turn @ packed[:, m][:, FULL] @ turn.transpose(0, 2, 1)
        for entry, (j, k) in PLACES.items():
            packed[:, m, entry] = whole[:, j, k]


PLACES = {
    XX: (0, 0), XY: (0, 1), YY: (1, 1), XU: (0, 2), XV: (0, 3),
    YU: (1, 2), YV: (1, 3), UU: (2, 2), UV: (2, 3), VV: (3, 3),
}  # fmt: skip
"""Where each packed entry of a covariance stands in the whole matrix."""
