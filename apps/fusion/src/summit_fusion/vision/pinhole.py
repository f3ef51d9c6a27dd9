"""From a pixel to a direction and back: an ideal pinhole camera (no lens distortion) with a known pose."""

import math
from dataclasses import dataclass

import numpy as np
from summit_core.errors import InputError

from summit_fusion.locate.cameras import Array
from summit_fusion.vision.detector import Sighting

STEP = 1e-4
"""Of each parameter (degrees, or fractions of the picture), for the slopes of a direction."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a camera looks. Degrees: ``azimuth_deg`` of the optical axis, clockwise from true north; ``tilt_deg``, up
    positive; ``roll_deg``, clockwise as seen from behind; ``fov_deg``, the horizontal field of view.

    The sigmas say how well the pose is known; a mount is seldom better than half a degree until landmarks are used.
    """

    azimuth_deg: float
    tilt_deg: float
    roll_deg: float
    fov_deg: float
    width: int
    height: int
    azimuth_sigma_deg: float = 0.5
    tilt_sigma_deg: float = 0.2
    roll_sigma_deg: float = 0.2

    def __post_init__(self) -> None:
        if not 0.0 < self.fov_deg < 170.0:
            raise InputError("more than 0 and less than 170 degrees", field="pose.fov_deg")
        if not -89.0 <= self.tilt_deg <= 89.0:
            raise InputError("-89 to 89 degrees", field="pose.tilt_deg")
        if self.width < 1 or self.height < 1:
            raise InputError("a picture of one pixel or more", field="pose.width")
        if min(self.azimuth_sigma_deg, self.tilt_sigma_deg, self.roll_sigma_deg) < 0.0:
            raise InputError("a sigma is not negative", field="pose.azimuth_sigma_deg")

    @property
    def focal_px(self) -> float:
        return 0.5 * self.width / math.tan(math.radians(self.fov_deg) / 2.0)


@dataclass(frozen=True, slots=True)
class Direction:
    """Azimuth (clockwise from true north) and elevation (up positive), each with one sigma; degrees."""

    azimuth_deg: float
    azimuth_sigma_deg: float
    elevation_deg: float
    elevation_sigma_deg: float


def direction(pose: Pose, x: float, y: float, x_sigma: float = 0.0, y_sigma: float = 0.0) -> Direction:
    """Of a point of the picture, in fractions of its width and height (from the top left), with their sigmas.

    The sigmas of pose and point are carried over by the slopes of both angles (first order). InputError near the
    zenith, where an azimuth means nothing.
    """
    if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 10.0 and abs(y) <= 10.0):
        raise InputError("a point in fractions of the picture", field="point")
    given = np.array([pose.azimuth_deg, pose.tilt_deg, pose.roll_deg, x, y])
    sigmas = np.array([pose.azimuth_sigma_deg, pose.tilt_sigma_deg, pose.roll_sigma_deg, x_sigma, y_sigma])
    azimuth, elevation = _angles(pose, given)
    if abs(elevation) > 85.0:
        raise InputError("a direction within 5 degrees of straight up or down has no azimuth", field="point")
    variance = np.zeros(2)
    for index, sigma in enumerate(sigmas):
        moved = given.copy()
        moved[index] += STEP
        there = _angles(pose, moved)
        turned = ((there[0] - azimuth + 180.0) % 360.0 - 180.0) / STEP
        variance += np.square([turned * sigma, (there[1] - elevation) / STEP * sigma])
    return Direction(azimuth % 360.0, math.sqrt(variance[0]), elevation, math.sqrt(variance[1]))


def base_direction(pose: Pose, sighting: Sighting) -> Direction:
    """Where the smoke of a sighting stands: the middle of the lower edge of its box.

    The base may be anywhere along that edge (uniform: a sigma of its width / sqrt 12); a twentieth of the height stands
    for how loosely boxes sit. Only what a detector of record saw becomes a direction.
    """
    if not isinstance(sighting, Sighting):
        raise TypeError(f"{type(sighting).__name__} is not what a detector of record saw")
    x0, y0, x1, y1 = sighting.box
    return direction(pose, (x0 + x1) / 2.0, y1, (x1 - x0) / math.sqrt(12.0), (y1 - y0) / 20.0)


def pixel(pose: Pose, azimuth_deg: float, elevation_deg: float) -> tuple[float, float] | None:
    """Where a direction appears, in fractions of the picture (it may be outside 0 to 1); None when it is behind."""
    phi, theta = math.radians(azimuth_deg), math.radians(elevation_deg)
    ray = np.array([math.sin(phi) * math.cos(theta), math.cos(phi) * math.cos(theta), math.sin(theta)])
    right, down, forward = _axes(pose.azimuth_deg, pose.tilt_deg, pose.roll_deg) @ ray
    if forward <= 1e-9:
        return None
    return (
        0.5 + pose.focal_px * float(right / forward) / pose.width,
        0.5 + pose.focal_px * float(down / forward) / pose.height,
    )


def _axes(azimuth_deg: float, tilt_deg: float, roll_deg: float) -> Array:
    """Rows: right, down and forward of the picture, in east, north, up."""
    a, t, r = math.radians(azimuth_deg), math.radians(tilt_deg), math.radians(roll_deg)
    forward = np.array([math.sin(a) * math.cos(t), math.cos(a) * math.cos(t), math.sin(t)])
    level = np.array([math.cos(a), -math.sin(a), 0.0])
    down = np.cross(forward, level)
    return np.stack(
        [
            math.cos(r) * level + math.sin(r) * down,
            math.cos(r) * down - math.sin(r) * level,
            forward,
        ]
    )


def _angles(pose: Pose, given: Array) -> tuple[float, float]:
    """Azimuth and elevation (degrees) from azimuth, tilt, roll, x, y."""
    along = np.array([(given[3] - 0.5) * pose.width, (given[4] - 0.5) * pose.height, pose.focal_px])
    east, north, up = along @ _axes(given[0], given[1], given[2])
    return math.degrees(math.atan2(east, north)), math.degrees(math.atan2(up, math.hypot(east, north)))
