"""Places where a fire may be: from every crossing, the lines that pass near it, until they stay the same."""

import numpy as np
from numpy.typing import NDArray

from summit_fusion.locate.cameras import Array, Cameras, Mask
from summit_fusion.locate.consensus import MIN_ANGLE_RAD, major_sigma
from summit_fusion.locate.estimate import Estimates, estimate
from summit_fusion.locate.intersect import crossings
from summit_fusion.locate.settings import SceneSettings

Index = NDArray[np.int64]
ROUNDS = 3
PARALLEL_RATIO = 0.5


def candidate_places(cameras: Cameras, camera_of: Index, known: Array, settings: SceneSettings) -> Array:
    """Plane positions (k, 2) that at least two lines of different cameras agree on, and the known ones."""
    starts = crossings(cameras, min_angle_rad=MIN_ANGLE_RAD, max_range_m=settings.max_range_m)
    points = np.concatenate([known, starts])
    if not len(points):
        return points
    sets = near(cameras, camera_of, points, np.full((len(points), 2, 2), np.nan), settings)
    for _ in range(ROUNDS):
        sets, first = np.unique(sets, axis=0, return_index=True)
        points = points[first]
        enough = sets.sum(axis=1) >= 2
        sets, points = sets[enough], points[enough]
        found = estimate(cameras, sets, points)
        good = plausible(found, sets, cameras, settings)
        sets, points = sets[good], found.points[good]
        sets = near(cameras, camera_of, points, found.cov[good], settings)
    return np.concatenate([known, points])


def near(cameras: Cameras, camera_of: Index, points: Array, cov: Array, settings: SceneSettings) -> Mask:
    """Of each camera the line that passes nearest to each point, if it passes within the gate: shape (k, n).

    Where the covariance is not known (NaN), it is that of two lines: what the crossing itself leaves open.
    """
    square = distances(cameras, points, cov)
    sets = np.zeros(square.shape, dtype=bool)
    for camera in range(int(camera_of.max()) + 1):
        own = np.flatnonzero(camera_of == camera)
        nearest = own[np.argmin(square[:, own], axis=1)]
        rows = np.arange(len(points))
        sets[rows, nearest] = square[rows, nearest] < settings.gate_sigma**2
    return sets


def distances(cameras: Cameras, points: Array, cov: Array) -> Array:
    """Squared miss of each line at each point against its noise and the uncertainty of the point: shape (k, n)."""
    east, north, residual = cameras.sight(points)
    square = np.maximum(east**2 + north**2, 1.0)
    rows = np.stack([north, -east], axis=2) / (square * cameras.sigma)[:, :, None]
    miss = (residual / cameras.sigma) ** 2
    unknown = np.isnan(cov[:, 0, 0])
    if bool(unknown.any()):
        cov = cov.copy()
        cov[unknown] = _two_nearest(rows[unknown], miss[unknown])
    return np.asarray(miss / (1.0 + np.einsum("kni,kij,knj->kn", rows, cov, rows)))


def _two_nearest(rows: Array, miss: Array) -> Array:
    """Covariance of the crossing of the two lines that pass through each point."""
    two = np.argsort(miss, axis=1)[:, :2]
    through = np.take_along_axis(rows, two[:, :, None], axis=1)
    information = np.einsum("kli,klj->kij", through, through)
    information += 1e-12 * np.eye(2)
    return np.asarray(np.linalg.inv(information))


def plausible(found: Estimates, sets: Mask, cameras: Cameras, settings: SceneSettings) -> Mask:
    """In front of the cameras that see it, at plausible ranges, from lines that are not nearly parallel."""
    in_front = (np.abs(found.residuals * cameras.sigma) < np.pi / 2) | ~sets
    within = ((found.ranges > settings.min_range_m) & (found.ranges < settings.max_range_m)) | ~sets
    furthest = np.where(sets, found.ranges, 0.0).max(axis=1)
    crossing = major_sigma(found.cov) < PARALLEL_RATIO * furthest
    return np.asarray(in_front.all(axis=1) & within.all(axis=1) & crossing)
