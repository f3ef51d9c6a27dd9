"""Several returns of one target become one detection: a lidar or a near radar sees a hull or a truck many times.

The tracker takes at most one detection of a target in a scan; the others would begin tracks beside it.
"""

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints


def merge_returns(z: Floats, noise: Floats, size_m: float) -> tuple[Floats, Floats]:
    """Returns (n, 2) of one scan with their noise (n, 3), as one detection for each chain of returns of which each is
    nearer than ``size_m`` to the next: the usual length of a target, or less where targets pass more closely.

    A detection is the mean of its returns. Its noise is that of one return, for errors of calibration do not average
    out, and the scatter of the returns about it, for it is somewhere on the target and not at its centre.
    """
    groups = chains(z, size_m)
    count = np.bincount(groups)[:, None] if len(z) else np.empty((0, 1))
    centre, mean_noise = _sums(groups, z) / count, _sums(groups, noise) / count
    off = z - centre[groups]
    scatter = np.stack([off[:, 0] ** 2, off[:, 0] * off[:, 1], off[:, 1] ** 2], 1)
    return centre, mean_noise + _sums(groups, scatter) / count


def chains(z: Floats, reach_m: float) -> Ints:
    """Number of the chain of each place, counted from 0 in the order of their first places.

    A scan has tens of returns: all pairs are quicker than a tree."""
    near = np.hypot(z[:, None, 0] - z[None, :, 0], z[:, None, 1] - z[None, :, 1]) < reach_m
    label = np.arange(len(z))
    while True:
        lower = np.where(near, label[None, :], len(z)).min(1, initial=len(z))
        if np.array_equal(lower, label):
            break
        label = lower
    numbers: Ints = np.unique(label, return_inverse=True)[1].astype(np.int64).reshape(-1)
    return numbers


def _sums(groups: Ints, values: Floats) -> Floats:
    sums = np.zeros((int(groups.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums
