"""Where two sight lines cross: the points from which an estimate can start."""

import numpy as np

from summit_fusion.locate.cameras import Array, Cameras


def crossings(cameras: Cameras, *, min_angle_rad: float, max_range_m: float) -> Array:
    """Plane positions (shape (k, 2)) where two lines meet in front of both cameras and within ``max_range_m`` of both.

    Lines that meet at less than ``min_angle_rad`` are left out: noise alone decides where those cross. The plane is
    good enough for a start; the estimate that follows uses exact azimuths.
    """
    first, second = np.triu_indices(len(cameras.azimuth), k=1)
    direction = np.stack([np.sin(cameras.azimuth), np.cos(cameras.azimuth)], axis=1)
    u, v = direction[first], direction[second]
    between = cameras.plane[second] - cameras.plane[first]
    sine = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    open_enough = np.abs(sine) > np.sin(min_angle_rad)
    divisor = np.where(open_enough, sine, 1.0)
    reach_first = (between[:, 0] * v[:, 1] - between[:, 1] * v[:, 0]) / divisor
    reach_second = (between[:, 0] * u[:, 1] - between[:, 1] * u[:, 0]) / divisor
    meets = open_enough & (reach_first > 0.0) & (reach_second > 0.0)
    meets &= (reach_first < max_range_m) & (reach_second < max_range_m)
    points: Array = cameras.plane[first] + reach_first[:, None] * u
    return np.asarray(points[meets])
