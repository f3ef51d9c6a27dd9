"""Borders of a region given as a mask: closed rings along the edges of its cells."""

import numpy as np
from numpy.typing import NDArray

from summit_fusion.locate.cameras import Array, Mask

Node = tuple[int, int]
Steps = dict[Node, list[Node]]


def outline(mask: Mask, least_cells: int = 1) -> list[list[Array]]:
    """Polygons, each an outer ring (counter-clockwise) and its holes (clockwise), as column, row of cell corners.

    Cell (row i, column j) is the square from (j, i) to (j + 1, i + 1). Islands and holes of fewer than
    ``least_cells`` cells are left out.
    """
    sized = [(signed_area(ring), ring) for ring in _rings(mask)]
    outer = sorted(((area, ring) for area, ring in sized if area >= least_cells), key=lambda one: one[0])
    polygons = [[ring] for _, ring in outer]
    for area, hole in sized:
        if area > -least_cells:
            continue
        inner = hole[0] + 0.5 * _inward(hole)
        for (size, ring), polygon in zip(outer, polygons, strict=True):  # from the smallest: the first around it
            if size > -area and _inside(inner, ring):
                polygon.append(hole)
                break
    return polygons


def signed_area(ring: Array) -> float:
    """Cells, positive counter-clockwise (the shoelace formula)."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)


def _rings(mask: Mask) -> list[Array]:
    """Every border with the region on its left, corners only."""
    onward = _edges(mask)
    rings = []
    for start in list(onward):
        while onward[start]:
            path, here, came = [start], start, (0, 0)
            while True:
                there = _leftmost(onward[here], here, came)
                onward[here].remove(there)
                step = (there[0] - here[0], there[1] - here[1])
                if step == came:
                    path.pop()
                path.append(there)
                here, came = there, step
                if here == start:
                    break
            rings.append(np.array(path, dtype=float))
    return rings


def _edges(mask: Mask) -> Steps:
    """From each corner to the next along the border."""
    wide: NDArray[np.int8] = np.pad(mask, 1).astype(np.int8)
    along, up = np.diff(wide, axis=0)[:, 1:-1], np.diff(wide, axis=1)[1:-1, :]
    onward: Steps = {}
    for change, of, dx, dy in ((1, along, 1, 0), (-1, along, -1, 0), (-1, up, 0, 1), (1, up, 0, -1)):
        rows, columns = np.nonzero(of == change)
        back_x, back_y = max(-dx, 0), max(-dy, 0)
        for x, y in zip((columns + back_x).tolist(), (rows + back_y).tolist(), strict=True):
            onward.setdefault((x, y), []).append((x + dx, y + dy))
    return onward


def _leftmost(choices: list[Node], here: Node, came: Node) -> Node:
    """Where two borders meet at a corner, turn left: regions that touch at a corner stay apart."""
    if len(choices) == 1:
        return choices[0]
    return max(choices, key=lambda to: came[0] * (to[1] - here[1]) - came[1] * (to[0] - here[0]))


def _inward(ring: Array) -> Array:
    """From the first corner of a ring, the diagonal step to its left between its first and last edge."""
    first, last = np.sign(ring[1] - ring[0]), np.sign(ring[-1] - ring[-2])
    left = np.array([-first[1], first[0]]) + np.array([-last[1], last[0]])
    return np.asarray(np.where(left == 0.0, first, np.sign(left)))


def _inside(point: Array, ring: Array) -> bool:
    """Even-odd rule; the point lies on no edge."""
    x1, y1, x2, y2 = ring[:-1, 0], ring[:-1, 1], ring[1:, 0], ring[1:, 1]
    upright = (x1 == x2) & (x1 > point[0]) & ((y1 > point[1]) != (y2 > point[1]))
    return bool(np.count_nonzero(upright) % 2)
