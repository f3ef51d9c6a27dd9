"""What is no detection at all is refused before it costs anything: one of them makes a scan slow or a state useless."""

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Floats, Ints, Marks

FARTHEST_M = 1e9
LATEST_S = 1e11
LONGEST_LAG_S = 30.0
"""Between a detection and the scan that it comes with."""
WIDEST_SIGMA_M = 10_000.0
WIDEST_OF_SCAN = 30.0
"""Times the median sigma of the scan: one wide detection would be in the gate of everything."""


def covariances(noise: Floats) -> Marks:
    """Which rows (east-east, east-north, north-north, m2) are finite and positive definite."""
    with np.errstate(invalid="ignore", over="ignore"):
        xx, xy, yy = noise[:, 0], noise[:, 1], noise[:, 2]
        good = np.isfinite(noise).all(1) & (xx > 0) & (yy > 0) & (xx * yy - xy * xy > 1e-12 * xx * yy)
    return np.asarray(good, np.bool_)


def sane(time: float, z: Floats, noise: Floats, times: Floats, identity: Ints | None = None) -> Marks:
    """Finite, of its time, with a positive definite covariance that says something, and not told before in the scan."""
    if not abs(time) < LATEST_S:
        return np.zeros(len(z), np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        good = np.isfinite(z).all(1) & covariances(noise) & (times <= time) & (times >= time - LONGEST_LAG_S)
        good &= np.abs(z).max(1, initial=0.0) < FARTHEST_M
        wide = noise[:, [0, 2]].max(1, initial=0.0)
        if good.any():
            good &= wide <= min(WIDEST_SIGMA_M**2, WIDEST_OF_SCAN**2 * float(np.median(wide[good])))
    rows = np.flatnonzero(good)
    names = np.zeros(len(rows), np.int64) if identity is None else identity[rows].astype(np.int64)
    told = np.column_stack([z[rows], noise[rows], times[rows]]) + 0.0  # no negative zero
    good[rows] = first_of_each(np.ascontiguousarray(told).view(np.int64), names)
    return np.asarray(good)


@kernel
def first_of_each(told: Ints, names: Ints) -> Marks:
    """Marks of the rows that no earlier row equals."""
    size = 16
    while size < 2 * len(told):
        size *= 2
    table, first = np.full(size, -1, np.int64), np.ones(len(told), np.bool_)
    for k in range(len(told)):
        mixed = names[k]
        for column in range(told.shape[1]):
            mixed = (mixed ^ told[k, column]) * 1099511628211
            mixed ^= (mixed >> 29) & 0x7FFFFFFFF
        slot = mixed & (size - 1)
        while table[slot] >= 0 and first[k]:
            other = table[slot]
            if names[other] == names[k] and (told[other] == told[k]).all():
                first[k] = False
            slot = (slot + 1) & (size - 1)
        if first[k]:
            table[slot] = k
    return first
