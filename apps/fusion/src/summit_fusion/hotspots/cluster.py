"""Which hot spots are of one fire: their footprints touch, and not too much time lies between them.

A footprint is the pixel on the ground, larger towards the edge of the swath, so two spots at the edge may be far apart
and still be neighbours. Fires also move between two passes: the footprints may lie apart by what the fire can have run.
"""

import math

import numpy as np
from numpy.typing import NDArray

from summit_fusion.compiled import kernel
from summit_fusion.hotspots.rows import Floats, Hotspots

MAX_GAP_S = 60.0 * 3600.0
"""Longest silence within one fire: four passes of a polar orbiter may be lost to cloud."""
RUN_MPS = 0.05
"""A fire may run this fast between two passes (180 m/h), at most ``MAX_RUN_M``."""
MAX_RUN_M = 1500.0
METRES_PER_DEGREE = 111_195.0


@kernel
def _root(parent: NDArray[np.int64], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def _column(lon: float, row: int, cell_m: float) -> int:
    """Column of the grid in a row; every row has its own scale, that of its middle."""
    scale = METRES_PER_DEGREE * math.cos((row + 0.5) * cell_m / METRES_PER_DEGREE * math.pi / 180.0)
    return math.floor(lon * scale / cell_m)


@kernel
def _slot(column: int, row: int, size: int) -> int:
    return (column * 73856093 ^ row * 19349663) & (size - 1)


@kernel
def _link(
    lat: Floats, lon: Floats, at: Floats, half_x: Floats, half_y: Floats, order: NDArray[np.int64], cell_m: float
) -> NDArray[np.int64]:
    """Root of each spot. ``order`` sorts by time; a table of cells holds the spots seen so far, newest first."""
    count = len(lat)
    size = 16
    while size < 2 * count:
        size *= 2
    first, after = np.full(size, -1, np.int64), np.full(count, -1, np.int64)
    parent = np.arange(count)
    for n in range(count):
        i = order[n]
        scale = METRES_PER_DEGREE * math.cos(lat[i] * math.pi / 180.0)
        middle = math.floor(lat[i] * METRES_PER_DEGREE / cell_m)
        for row in range(middle - 1, middle + 2):
            column = _column(lon[i], row, cell_m)
            for beside in range(column - 1, column + 2):
                j = first[_slot(beside, row, size)]
                while j >= 0:
                    gap = at[i] - at[j]
                    if gap > MAX_GAP_S:
                        break  # those behind it in the chain are older still
                    run = min(MAX_RUN_M, RUN_MPS * gap)
                    near_x = abs(lon[i] - lon[j]) * scale <= half_x[i] + half_x[j] + run
                    if near_x and abs(lat[i] - lat[j]) * METRES_PER_DEGREE <= half_y[i] + half_y[j] + run:
                        a, b = _root(parent, i), _root(parent, j)
                        if a != b:
                            parent[max(a, b)] = min(a, b)
                    j = after[j]
        slot = _slot(_column(lon[i], middle, cell_m), middle, size)
        after[i] = first[slot]
        first[slot] = i
    for i in range(count):
        parent[i] = _root(parent, i)
    return parent


def cluster(spots: Hotspots) -> NDArray[np.int64]:
    """Number of the fire of each spot (n,), 0 upwards in the order of the first rows; any order of rows gives the same
    grouping. A fire on the antimeridian is two."""
    if len(spots) == 0:
        return np.zeros(0, np.int64)
    half_x, half_y = spots.scan_m / 2.0, spots.track_m / 2.0
    cell_m = float(max(half_x.max(), half_y.max()) * 2.0 + MAX_RUN_M)
    order = np.argsort(spots.at, kind="stable")
    roots = _link(spots.lat, spots.lon, spots.at, half_x, half_y, order, cell_m)
    _, numbers = np.unique(roots, return_inverse=True)
    return numbers.astype(np.int64)
