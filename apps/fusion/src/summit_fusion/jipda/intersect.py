"""Track to track: one estimate out of two whose errors may be related. Never the naive sum, which is overconfident.

Covariance intersection: Julier and Uhlmann, "A non-divergent estimation algorithm in the presence of unknown
correlations", ACC 1997. Tracklets: Drummond, "Tracklets and a hybrid fusion with process noise", SPIE 3163 (1997).
"""

import math

import numpy as np

from summit_fusion.jipda.layout import Floats

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
ROUNDS = 40


def covariance_intersection(mean_a: Floats, cov_a: Floats, mean_b: Floats, cov_b: Floats) -> tuple[Floats, Floats]:
    """Consistent for any correlation between two consistent estimates (n,) and (n, n) of the same thing at one time.

    The weight is the one of the smallest determinant, by golden section (the log determinant is convex in it).
    """
    information_a, information_b = np.linalg.inv(cov_a), np.linalg.inv(cov_b)

    def size(weight: float) -> float:
        return -float(np.linalg.slogdet(weight * information_a + (1.0 - weight) * information_b)[1])

    low, high = 0.0, 1.0
    for _ in range(ROUNDS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if size(left) < size(right) else (left, high)
    weight = (low + high) / 2.0
    cov = np.linalg.inv(weight * information_a + (1.0 - weight) * information_b)
    mean = cov @ (weight * information_a @ mean_a + (1.0 - weight) * information_b @ mean_b)
    return mean, (cov + cov.T) / 2.0


def tracklet(predicted: Floats, predicted_cov: Floats, updated: Floats, updated_cov: Floats) -> tuple[Floats, Floats]:
    """What a remote tracker learnt between its prediction and its update: information vector (n,) and matrix (n, n).

    It holds the new measurements alone, so adding it to another estimate counts nothing twice.
    """
    before, after = np.linalg.inv(predicted_cov), np.linalg.inv(updated_cov)
    return after @ updated - before @ predicted, after - before


def add_tracklet(mean: Floats, cov: Floats, vector: Floats, matrix: Floats) -> tuple[Floats, Floats]:
    """An estimate with a tracklet of the same time added; equals the central filter where everything is linear."""
    information = np.linalg.inv(cov)
    fused = np.linalg.inv(information + matrix)
    return fused @ (information @ mean + vector), (fused + fused.T) / 2.0
