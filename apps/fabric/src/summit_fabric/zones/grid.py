"""What lies where: boxes by cells of a few sizes, so that a position asks only about what is near it. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from summit_fabric.zones.geometry import Box

LEVELS: Final = (0.02, 0.5, 360.0)
"""Cell sizes in degrees. A box goes to the finest level at which it covers few cells."""
CELLS_AT_MOST: Final = 64

Cell = tuple[int, int]


class Grid:
    """Things by name, each in the cells that its box covers."""

    def __init__(self) -> None:
        self._levels: tuple[defaultdict[Cell, set[str]], ...] = tuple(defaultdict(set) for _ in LEVELS)
        self._cells: dict[str, tuple[int, list[Cell]]] = {}

    def put(self, name: str, box: Box) -> None:
        self._put(name, *_cells(box))

    def put_spot(self, name: str, lat: float, lon: float) -> None:
        """A thing without size."""
        self._put(name, 0, [_cell(LEVELS[0], lat, lon)])

    def remove(self, name: str) -> None:
        level, cells = self._cells.pop(name, (0, []))
        for cell in cells:
            self._levels[level][cell].discard(name)
            if not self._levels[level][cell]:
                del self._levels[level][cell]

    def at(self, lat: float, lon: float) -> list[str]:
        """Everything whose cells cover the position: a few too many, none missing."""
        found: list[str] = []
        for size, names in zip(LEVELS, self._levels, strict=True):
            if names and (here := names.get(_cell(size, lat, lon))):
                found += here
        return found

    def near(self, box: Box) -> list[str]:
        """Everything whose cells touch those of the box; a name may come more than once."""
        found: list[str] = []
        for size, names in zip(LEVELS, self._levels, strict=True):
            if (box.east - box.west) * (box.north - box.south) > len(names) * size**2:
                found += (name for here in names.values() for name in here)  # fewer cells are taken than are asked for
            else:
                for cell in _cells_at(size, box):
                    found += names.get(cell, ())
        return found

    def _put(self, name: str, level: int, cells: list[Cell]) -> None:
        if self._cells.get(name) == (level, cells):
            return
        self.remove(name)
        self._cells[name] = level, cells
        for cell in cells:
            self._levels[level][cell].add(name)


def _cell(size: float, lat: float, lon: float) -> Cell:
    return int((lon + 180.0) % 360.0 / size), int((lat + 90.0) / size)


def _cells(box: Box) -> tuple[int, list[Cell]]:
    """The level that suits the box, and the cells that it covers there."""
    for level, size in enumerate(LEVELS[:-1]):
        columns, rows = (box.east - box.west) / size + 1, (box.north - box.south) / size + 1
        if columns * rows <= CELLS_AT_MOST:
            return level, list(_cells_at(size, box))
    return len(LEVELS) - 1, list(_cells_at(LEVELS[-1], box))


def _cells_at(size: float, box: Box) -> Iterator[Cell]:
    around = round(360.0 / size)
    west, east = math.floor((box.west + 180.0) / size), math.floor((box.east + 180.0) / size)
    for column in range(west, min(east, west + around - 1) + 1):
        for row in range(int((box.south + 90.0) / size), int((box.north + 90.0) / size) + 1):
            yield column % around, row
