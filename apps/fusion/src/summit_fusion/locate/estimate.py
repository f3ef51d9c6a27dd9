"""Maximum likelihood position of several sets of sight lines at once: Gauss-Newton with Levenberg damping.

Bearings with Gaussian noise make least squares of azimuth residuals the maximum likelihood; the Fisher information of
a set is the sum of n n' / (sigma r)^2 over its lines, n the unit normal of the line of sight and r the range, and its
inverse the covariance (Cramer-Rao bound at the estimate). Stansfield 1947; Torrieri 1984, section III.
"""

import math
from dataclasses import dataclass

import numpy as np
from summit_core.geo import WGS84_A, WGS84_E2

from summit_fusion.compiled import kernel
from summit_fusion.locate.cameras import Array, Cameras, Mask

ITERATIONS = 12
SETTLED_M = 2.0
STEP_CAP_M = 5_000.0
UNKNOWN_M2 = 1e12
"""Variance that stands for "anywhere": a singular information has no inverse."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """``k`` positions from ``k`` sets of lines. ``residuals`` are of all lines, in standard deviations: shape (k,
    n)."""

    points: Array
    residuals: Array
    ranges: Array
    cov: Array
    cost: Array
    """Sum of squared residuals of the lines that were used."""


def estimate(cameras: Cameras, sets: Mask, starts: Array) -> Estimates:
    """Refine ``starts`` (k, 2), each with the lines that its row of ``sets`` (k, n) selects."""
    frame = np.array([cameras.frame.lat, cameras.frame.lon, *cameras.frame.metres_per_degree])
    k, n = sets.shape
    points, cov, cost = starts.astype(float), np.empty((k, 2, 2)), np.empty(k)
    residuals, ranges = np.empty((k, n)), np.empty((k, n))
    _refine(
        frame, cameras.axes, cameras.offset, cameras.azimuth, cameras.sigma, sets, points, residuals, ranges, cov, cost
    )
    return Estimates(points, residuals, ranges, cov, cost)


@kernel
def _refine(
    frame: Array, axes: Array, offset: Array, azimuth: Array, sigma: Array, sets: Mask, points: Array, residuals: Array,
    ranges: Array, cov: Array, cost: Array,
) -> None:  # fmt: skip
    """Each row of ``points`` in place; the other arrays are written."""
    slopes, trial_residuals, trial_ranges = np.empty((len(azimuth), 2)), np.empty(len(azimuth)), np.empty(len(azimuth))
    for k in range(len(points)):
        east, north, damping = points[k, 0], points[k, 1], 1e-3
        best = _sight(frame, axes, offset, azimuth, sigma, sets[k], east, north, residuals[k], ranges[k], slopes)
        ee, en, nn, ge, gn = _normal(slopes, residuals[k], sets[k])
        for _ in range(ITERATIONS):
            ridge = damping * (ee + nn)
            divisor = (ee + ridge) * (nn + ridge) - en * en
            if divisor <= 0.0:
                break
            de, dn = ((nn + ridge) * ge - en * gn) / divisor, ((ee + ridge) * gn - en * ge) / divisor
            scale = min(1.0, STEP_CAP_M / max(math.hypot(de, dn), 1.0))
            de, dn = de * scale, dn * scale
            now = _sight(
                frame,
                axes,
                offset,
                azimuth,
                sigma,
                sets[k],
                east + de,
                north + dn,
                trial_residuals,
                trial_ranges,
                slopes,
            )
            if now <= best:
                east, north, best, damping = east + de, north + dn, now, damping * 0.1
                residuals[k], ranges[k] = trial_residuals, trial_ranges
                ee, en, nn, ge, gn = _normal(slopes, trial_residuals, sets[k])
            else:
                damping *= 10.0
            if max(abs(de), abs(dn)) < SETTLED_M:
                break
        points[k, 0], points[k, 1], cost[k] = east, north, best
        _invert(ee, en, nn, cov[k])


@kernel
def _sight(
    frame: Array, axes: Array, offset: Array, azimuth: Array, sigma: Array, used: Mask, east: float, north: float,
    residuals: Array, ranges: Array, slopes: Array,
) -> float:  # fmt: skip
    """Residuals (standard deviations), ranges and slopes of all lines at a point; returns the cost of those used. The
    same as :meth:`Cameras.sight`, a point at a time."""
    phi, lam = math.radians(frame[0] + north / frame[3]), math.radians(frame[1] + east / frame[2])
    sin_phi, cos_phi = math.sin(phi), math.cos(phi)
    vertical = WGS84_A / math.sqrt(1.0 - WGS84_E2 * sin_phi * sin_phi)
    x, y = vertical * cos_phi * math.cos(lam), vertical * cos_phi * math.sin(lam)
    z = vertical * (1.0 - WGS84_E2) * sin_phi
    n, cost = len(azimuth), 0.0
    for i in range(n):
        e = x * axes[0, i] + y * axes[1, i] + z * axes[2, i] - offset[i]
        m = x * axes[0, n + i] + y * axes[1, n + i] + z * axes[2, n + i] - offset[n + i]
        off = azimuth[i] - math.atan2(e, m)
        off -= 2.0 * math.pi * math.floor((off + math.pi) / (2.0 * math.pi))
        square = max(e * e + m * m, 1.0)
        residuals[i], ranges[i] = off / sigma[i], math.sqrt(square)
        slopes[i, 0], slopes[i, 1] = m / (square * sigma[i]), -e / (square * sigma[i])
        if used[i]:
            cost += residuals[i] * residuals[i]
    return cost


@kernel
def _normal(slopes: Array, residuals: Array, used: Mask) -> tuple[float, float, float, float, float]:
    """Fisher information (ee, en, nn) and gradient (east, north) of the lines used."""
    ee = en = nn = ge = gn = 0.0
    for i in range(len(residuals)):
        if used[i]:
            a, b = slopes[i, 0], slopes[i, 1]
            ee, en, nn = ee + a * a, en + a * b, nn + b * b
            ge, gn = ge + a * residuals[i], gn + b * residuals[i]
    return ee, en, nn, ge, gn


@kernel
def _invert(ee: float, en: float, nn: float, cov: Array) -> None:
    """The 2 x 2 inverse; of a singular one ``UNKNOWN_M2``."""
    determinant = ee * nn - en * en
    if determinant > 1e-12 * ee * nn:
        cov[0, 0], cov[1, 1] = nn / determinant, ee / determinant
        cov[0, 1] = cov[1, 0] = -en / determinant
    else:
        cov[0, 0] = cov[1, 1] = UNKNOWN_M2
        cov[0, 1] = cov[1, 0] = 0.0
