"""Gate: which detections may be of which track. A hash of grid cells over the detections, then an ellipse a track.

The cost follows the number of tracks and detections and not the area, so a sparse world costs nothing.
"""

import math

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.layout import UU, UV, VV, XU, XV, XX, XY, YU, YV, YY, Floats, Ints

TWO_PI = 2.0 * math.pi
SPREAD = 40503


@kernel
def file_detections(z: Floats, cell_m: float) -> tuple[Ints, Ints, Floats]:
    """Detections in the order of their cells: those of slot s are ``order[start[s]:start[s + 1]]``.

    The cells of a column are neighbours in the table, so that a track reads one piece of it for each column. Returns
    ``start``, ``order``, and ``sorted`` (n, 3): east, north and column of each in that order.
    """
    size = 16
    while size < 2 * len(z):
        size *= 2
    slots, start = np.empty(len(z), np.int64), np.zeros(size + 1, np.int64)
    for j in range(len(z)):
        slots[j] = slot_of(math.floor(z[j, 0] / cell_m), math.floor(z[j, 1] / cell_m), size)
        start[slots[j] + 1] += 1
    for k in range(size):
        start[k + 1] += start[k]
    order, ordered, filled = np.empty(len(z), np.int64), np.empty((len(z), 3)), start.copy()
    for j in range(len(z)):
        k = filled[slots[j]]
        filled[slots[j]] += 1
        order[k] = j
        ordered[k, 0], ordered[k, 1], ordered[k, 2] = z[j, 0], z[j, 1], math.floor(z[j, 0] / cell_m)
    return start, order, ordered


@inlined
def slot_of(column: int, row: int, size: int) -> int:
    """Where a cell stands in a table of ``size`` slots (a power of two)."""
    return (column * SPREAD + row) & (size - 1)


@inlined
def innovate(
    mean: Floats, cov: Floats, i: int, m: int, z: Floats, noise: Floats, lag: Floats, j: int
) -> tuple[float, float]:
    """Squared Mahalanobis distance of detection j from model m of track i, and the determinant of its covariance (m4).

    ``lag``: time of the detection minus that of the estimate, seconds; the target was ``lag`` times its velocity away.
    """
    late = lag[j]
    sxx, sxy, syy = cov[i, m, XX] + noise[j, 0], cov[i, m, XY] + noise[j, 1], cov[i, m, YY] + noise[j, 2]
    east, north = z[j, 0] - mean[i, m, 0], z[j, 1] - mean[i, m, 1]
    if late != 0.0:
        sxx += late * (2.0 * cov[i, m, XU] + late * cov[i, m, UU])
        sxy += late * (cov[i, m, XV] + cov[i, m, YU] + late * cov[i, m, UV])
        syy += late * (2.0 * cov[i, m, YV] + late * cov[i, m, VV])
        east -= late * mean[i, m, 2]
        north -= late * mean[i, m, 3]
    det = sxx * syy - sxy * sxy
    return (syy * east * east - 2.0 * sxy * east * north + sxx * north * north) / det, det


@inlined
def box_of(
    mean: Floats, cov: Floats, i: int, widest: float, latest: float, reach: float
) -> tuple[float, float, float, float]:
    """West, east, south, north of all that may be in the gate of a track, metres."""
    west, east, south, north = math.inf, -math.inf, math.inf, -math.inf
    for m in range(2):
        xx, yy = cov[i, m, XX], cov[i, m, YY]
        if latest > 0.0:  # no correlation makes it wider than this
            xx = (math.sqrt(xx) + latest * math.sqrt(cov[i, m, UU])) ** 2
            yy = (math.sqrt(yy) + latest * math.sqrt(cov[i, m, VV])) ** 2
        half_x = math.sqrt(reach * (xx + widest)) + latest * abs(mean[i, m, 2])
        half_y = math.sqrt(reach * (yy + widest)) + latest * abs(mean[i, m, 3])
        west, east = min(west, mean[i, m, 0] - half_x), max(east, mean[i, m, 0] + half_x)
        south, north = min(south, mean[i, m, 1] - half_y), max(north, mean[i, m, 1] + half_y)
    return west, east, south, north


@kernel
def fill(
    mean: Floats, cov: Floats, count: int, z: Floats, noise: Floats, lag: Floats, reach: float, cell_m: float,
    slots: Ints, order: Ints, place: Floats, start: Ints, edges: Ints, values: Floats,
) -> bool:  # fmt: skip
    """Write the edges; false when they are more than there is room for."""
    size, used, room = len(slots) - 1, 0, len(edges)
    widest, latest = max(noise[:, 0].max(), noise[:, 2].max()), -lag.min()
    for i in range(count):
        west, east, south, north = box_of(mean, cov, i, widest, latest, reach)
        left, right = math.floor(west / cell_m), math.floor(east / cell_m)
        low, high = math.floor(south / cell_m), math.floor(north / cell_m)
        whole = (right - left + 1) * (high - low + 1) >= size
        column = right if whole else left
        while column <= right:
            slot = 0 if whole else slot_of(column, low, size)
            end = size if whole else slot + high - low + 1
            while slot < end:  # twice where the piece runs over the end of the table
                for k in range(slots[slot], slots[min(end, size)]):
                    if not west <= place[k, 0] <= east or not south <= place[k, 1] <= north:
                        continue
                    if place[k, 2] != column and not whole:
                        continue
                    j = order[k]
                    near, near_det = innovate(mean, cov, i, 0, z, noise, lag, j)
                    far, far_det = innovate(mean, cov, i, 1, z, noise, lag, j)
                    if min(near, far) <= reach:
                        if used == room:
                            return False
                        edges[used] = j
                        values[used, 0] = math.exp(-0.5 * near) / (TWO_PI * math.sqrt(near_det))
                        values[used, 1] = math.exp(-0.5 * far) / (TWO_PI * math.sqrt(far_det))
                        used += 1
                slot, end = 0, end - size
            column += 1
        start[i + 1] = used
    return True


@kernel
def file_scan(z: Floats, noise: Floats, reach: float) -> tuple[Ints, Ints, Floats, float]:
    """The detections of a scan by their cells, and the width of these in metres: about that of a usual gate, so that
    most tracks look into four of them. It follows from the scan alone, so it can be kept as long as the scan."""
    cell_m = 1.0 if len(z) == 0 else 2.0 * math.sqrt(2.0 * reach * max(noise[:, 0].max(), noise[:, 2].max()))
    start, order, place = file_detections(z, cell_m)
    return start, order, place, cell_m


@kernel
def gate(
    mean: Floats, cov: Floats, count: int, z: Floats, noise: Floats, lag: Floats, reach: float
) -> tuple[Ints, Ints, Floats]:
    """Edges between tracks and detections, in the order of the tracks.

    Returns ``start`` (edges of track i are start[i] to start[i + 1]), the detection of each edge, and its density (a
    square metre) under each model (edges, 2). A detection is inside when it is within ``reach`` of either model.
    """
    slots, order, place, cell_m = file_scan(z, noise, reach)
    return gate_filed(mean, cov, count, z, noise, lag, reach, slots, order, place, cell_m)


@kernel
def gate_filed(
    mean: Floats, cov: Floats, count: int, z: Floats, noise: Floats, lag: Floats, reach: float,
    slots: Ints, order: Ints, place: Floats, cell_m: float,
) -> tuple[Ints, Ints, Floats]:  # fmt: skip
    """`gate` with what `file_scan` made of the detections."""
    start = np.zeros(count + 1, np.int64)
    room = 2 * (count + 32) if count > 0 and len(z) > 0 else 0
    edges, values = np.empty(room, np.int64), np.empty((room, 2))
    if room > 0:
        while not fill(
            mean, cov, count, z, noise, lag, reach, cell_m, slots, order, place, start, edges, values
        ):  # fmt: skip
            room *= 2
            edges, values = np.empty(room, np.int64), np.empty((room, 2))
    used = start[count]
    return start, edges[:used], values[:used]


@kernel
def gating(mean: Floats, cov: Floats, count: int, z: Floats, noise: Floats, lag: Floats, reach: float) -> Ints:
    """Rows of the tracks that have some of a few detections in their gate.

    Most have none near: those whose gate is no wider than a cell, and in whose cells and those around them nothing is,
    are passed over at the cost of a look into a small table."""
    if count == 0 or len(z) == 0:
        return np.empty(0, np.int64)
    widest = max(noise[:, 0].max(), noise[:, 2].max())
    usual = np.median(cov[: min(count, 257), :, XX])
    cell_m = 2.0 * math.sqrt(reach * (usual + widest))
    size = 1024
    while size < 64 * len(z):
        size *= 2
    near = np.zeros(size, np.bool_)
    for j in range(len(z)):
        column, row = math.floor(z[j, 0] / cell_m), math.floor(z[j, 1] / cell_m)
        for k in range(9):
            near[slot_of(column + k // 3 - 1, row + k % 3 - 1, size)] = True
    rows, found, narrow = np.empty(count, np.int64), 0, cell_m * cell_m / reach - widest
    punctual = lag.min() == 0.0
    for i in range(count):
        wide = max(max(cov[i, 0, XX], cov[i, 0, YY]), max(cov[i, 1, XX], cov[i, 1, YY])) > narrow
        for m in range(2):
            column, row = math.floor(mean[i, m, 0] / cell_m), math.floor(mean[i, m, 1] / cell_m)
            if wide or not punctual or near[slot_of(column, row, size)]:
                rows[found] = i
                found += 1
                break
    rows = rows[:found]
    start, _, _ = gate(mean[rows], cov[rows], found, z, noise, lag, reach)
    return rows[start[1:] > start[:-1]]
