"""Outline of a fire: the border of all ground that its footprints cover, on a grid half as fine as a nadir pixel."""

import math
from typing import Final

import numpy as np

from summit_fusion.hotspots.rows import Floats

CELL_M: Final = 187.5
Cell = tuple[int, int]
Ring = list[tuple[float, float]]


def covered(east: Floats, north: Floats, half_x: Floats, half_y: Floats) -> set[Cell]:
    """Cells (column, row) of the grid whose middle lies in a footprint; each footprint covers at least one."""
    cells: set[Cell] = set()
    for x, y, dx, dy in zip(east, north, half_x, half_y, strict=True):
        left, right = math.ceil((x - dx) / CELL_M - 0.5), math.floor((x + dx) / CELL_M - 0.5)
        low, high = math.ceil((y - dy) / CELL_M - 0.5), math.floor((y + dy) / CELL_M - 0.5)
        cells.update((column, row) for column in range(left, right + 1) for row in range(low, high + 1))
        cells.add((math.floor(x / CELL_M), math.floor(y / CELL_M)))
    return cells


def area_ha(cells: set[Cell]) -> float:
    return len(cells) * CELL_M * CELL_M / 10_000.0


def rings(cells: set[Cell]) -> list[Ring]:
    """Closed borders in metres: outer ones counter-clockwise, holes clockwise; corners only."""
    onward: dict[Cell, list[Cell]] = {}
    for column, row in cells:
        corners = ((column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1))
        sides = ((column, row - 1), (column + 1, row), (column, row + 1), (column - 1, row))
        for k, beyond in enumerate(sides):
            if beyond not in cells:
                onward.setdefault(corners[k], []).append(corners[(k + 1) % 4])
    found = []
    for start in sorted(onward):
        while onward.get(start):
            found.append(_walk(start, onward))
    return found


def _walk(start: Cell, onward: dict[Cell, list[Cell]]) -> Ring:
    """Follow the border with the ground on the left; where two borders meet at a corner, turn left and stay apart."""
    path, here, came = [start], start, (0, 0)
    while True:
        options = onward[here]
        chosen = max(options, key=lambda to: _turn(came, (to[0] - here[0], to[1] - here[1])))
        options.remove(chosen)
        step = (chosen[0] - here[0], chosen[1] - here[1])
        if step == came:
            path.pop()
        path.append(chosen)
        here, came = chosen, step
        if here == start:
            return [(x * CELL_M, y * CELL_M) for x, y in path]


def _turn(came: Cell, step: Cell) -> int:
    """Greater for a turn to the left."""
    return came[0] * step[1] - came[1] * step[0]


def signed_area(ring: Ring) -> float:
    """Square metres, positive counter-clockwise (the shoelace formula)."""
    points = np.array(ring)
    x, y = points[:, 0], points[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)
