"""Maximum likelihood position of several sets of sight lines at once: Gauss-Newton with Levenberg damping.

Bearings with Gaussian noise make least squares of azimuth residuals the maximum likelihood; the Fisher information of
a set is the sum of n n' / (sigma r)^2 over its lines, n the unit normal of the line of sight and r the range, and its
inverse the covariance (Cramer-Rao bound at the estimate). Stansfield 1947; Torrieri 1984, section III.
"""

from dataclasses import dataclass

import numpy as np

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
    points, damping = starts, np.full(len(starts), 1e-3)
    now = _linearise(cameras, sets, points)
    for _ in range(ITERATIONS):
        step = _step(now, damping)
        trial = _linearise(cameras, sets, points + step)
        better = trial.cost <= now.cost
        points = np.where(better[:, None], points + step, points)
        damping = np.where(better, damping * 0.1, damping * 10.0)
        now = _choose(better, trial, now)
        if bool((np.abs(step).max(axis=1) < SETTLED_M).all()):
            break
    return Estimates(points, now.residuals, now.ranges, _inverse(now.information), now.cost)


@dataclass(frozen=True, slots=True)
class _Linearised:
    residuals: Array
    ranges: Array
    information: Array
    """Upper triangle (ee, en, nn) of the Fisher information: shape (3, k)."""
    gradient: Array
    cost: Array


def _linearise(cameras: Cameras, sets: Mask, points: Array) -> _Linearised:
    east, north, residual = cameras.sight(points)
    square = np.maximum(east * east + north * north, 1.0)
    scaled = residual / cameras.sigma
    slope = sets / (square * cameras.sigma)
    de, dn = north * slope, -east * slope
    used = sets * scaled
    return _Linearised(
        residuals=scaled,
        ranges=np.sqrt(square),
        information=np.stack([(de * de).sum(axis=1), (de * dn).sum(axis=1), (dn * dn).sum(axis=1)]),
        gradient=np.stack([(de * used).sum(axis=1), (dn * used).sum(axis=1)]),
        cost=(used * used).sum(axis=1),
    )


def _step(now: _Linearised, damping: Array) -> Array:
    ee, en, nn = now.information
    ridge = damping * (ee + nn)
    ee, nn = ee + ridge, nn + ridge
    east, north = now.gradient
    step = np.stack([nn * east - en * north, ee * north - en * east], axis=1) / (ee * nn - en * en)[:, None]
    length = np.sqrt((step * step).sum(axis=1, keepdims=True))
    return np.asarray(step * np.minimum(1.0, STEP_CAP_M / np.maximum(length, 1.0)))


def _choose(better: Mask, trial: _Linearised, now: _Linearised) -> _Linearised:
    if bool(better.all()):
        return trial
    column = better[:, None]
    return _Linearised(
        residuals=np.where(column, trial.residuals, now.residuals),
        ranges=np.where(column, trial.ranges, now.ranges),
        information=np.where(better, trial.information, now.information),
        gradient=np.where(better, trial.gradient, now.gradient),
        cost=np.where(better, trial.cost, now.cost),
    )


def _inverse(information: Array) -> Array:
    """2 x 2 inverses, shape (k, 2, 2); a singular one becomes ``UNKNOWN_M2``."""
    ee, en, nn = information
    determinant = ee * nn - en * en
    regular = determinant > 1e-12 * ee * nn
    safe = np.where(regular, determinant, 1.0)
    cov = np.stack([nn, -en, -en, ee], axis=1).reshape(-1, 2, 2) / safe[:, None, None]
    return np.where(regular[:, None, None], cov, UNKNOWN_M2 * np.eye(2))
