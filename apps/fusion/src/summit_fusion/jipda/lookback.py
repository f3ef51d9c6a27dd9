"""Look back: one target's states smoothed over detections that are known to be its own, fast enough for thousands.

Both models of the tracker move a state alike and differ by their noise alone, so their mixture is smoothed as one
(Rauch, Tung and Striebel, AIAA Journal 3, 1965); `smooth` keeps them apart and costs ten times as much.
"""

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.hypotheses import proceed, take
from summit_fusion.jipda.layout import FULL, Floats, Ints


@inlined
def whole(mean: Floats, cov: Floats, cruise: Floats, row: int, to_mean: Floats, to_cov: Floats) -> None:
    """The Gaussian with the moments of both models of a row."""
    p = cruise[row]
    for a in range(4):
        to_mean[a] = p * mean[row, 0, a] + (1.0 - p) * mean[row, 1, a]
        for b in range(4):
            k = FULL[a, b]
            spread = (mean[row, 0, a] - mean[row, 1, a]) * (mean[row, 0, b] - mean[row, 1, b])
            to_cov[a, b] = p * cov[row, 0, k] + (1.0 - p) * cov[row, 1, k] + p * (1.0 - p) * spread


@inlined
def invert(a: Floats, out: Floats) -> None:
    """Of a positive definite matrix (Gauss-Jordan), which is used up."""
    out[:] = 0.0
    for k in range(4):
        out[k, k] = 1.0
    for k in range(4):
        scale = 1.0 / a[k, k]
        for c in range(4):
            a[k, c] *= scale
            out[k, c] *= scale
        for r in range(4):
            part = a[r, k]
            if r != k:
                for c in range(4):
                    a[r, c] -= part * a[k, c]
                    out[r, c] -= part * out[k, c]


@inlined
def product(a: Floats, b: Floats, out: Floats) -> None:
    for r in range(4):
        for c in range(4):
            out[r, c] = a[r, 0] * b[0, c] + a[r, 1] * b[1, c] + a[r, 2] * b[2, c] + a[r, 3] * b[3, c]


@kernel
def look_back(at: Floats, mean: Floats, cov: Floats, foreseen: Floats, foreseen_cov: Floats) -> None:
    """States (n, 4) with covariances, filtered, to those that all detections tell, in place. ``foreseen``: as predicted
    from the one before."""
    room, inverse, gain, part = np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4))
    for k in range(len(at) - 2, -1, -1):
        dt = at[k + 1] - at[k]
        room[:] = foreseen_cov[k + 1]
        invert(room, inverse)
        for r in range(4):  # P F'
            room[r, 0], room[r, 1] = cov[k, r, 0] + dt * cov[k, r, 2], cov[k, r, 1] + dt * cov[k, r, 3]
            room[r, 2], room[r, 3] = cov[k, r, 2], cov[k, r, 3]
        product(room, inverse, gain)
        for r in range(4):
            for c in range(4):
                mean[k, r] += gain[r, c] * (mean[k + 1, c] - foreseen[k + 1, c])
                room[r, c] = cov[k + 1, r, c] - foreseen_cov[k + 1, r, c]
        product(gain, room, part)
        for r in range(4):
            for c in range(4):
                for x in range(4):
                    cov[k, r, c] += part[r, x] * gain[c, x]


@kernel
def smoothed(
    mean: Floats, cov: Floats, cruise: Floats, i: int, at: Floats, seen: Ints, z: Floats, noise: Floats, lag: Floats,
    motion: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Means (k, 4) and covariances (k, 4, 4) of row i, which is used up, at the times ``at`` from its own on, given
    that it had detections ``seen`` there (below 0: none)."""
    n = len(at)
    found, found_cov, foreseen, foreseen_cov = (
        np.empty((n, 4)),
        np.empty((n, 4, 4)),
        np.empty((n, 4)),
        np.empty((n, 4, 4)),
    )
    shift, moment = np.empty(4), np.empty(10)
    for k in range(n):
        if k > 0 and at[k] > at[k - 1]:
            proceed(mean, cov, cruise, i, at[k] - at[k - 1], motion)
        whole(mean, cov, cruise, i, foreseen[k], foreseen_cov[k])
        if seen[k] >= 0:
            take(mean, cov, cruise, i, z, noise, lag, seen[k], shift, moment)
        whole(mean, cov, cruise, i, found[k], found_cov[k])
    look_back(at, found, found_cov, foreseen, foreseen_cov)
    return found, found_cov
