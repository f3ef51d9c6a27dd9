"""Which tracks may be near a place: each track is filed under every grid cell that its gate can reach."""

import math
from collections import defaultdict

CELL_DEG = 0.05
"""About 5.5 km of latitude."""
LON_CELLS = round(360.0 / CELL_DEG)
METRES_PER_DEGREE = 111_320.0
MAX_REACH_M = 20_000.0

Cell = tuple[int, int]


class Grid:
    """A hash of cells of 0.05 degrees. One lookup reads one cell, so it does not grow with the number of tracks.

    Beyond 88 degrees of latitude the reach in longitude is cut short: nothing is tracked across a pole.
    """

    def __init__(self) -> None:
        self._members: dict[Cell, set[str]] = defaultdict(set)
        self._cells: dict[str, tuple[int, int, int, int]] = {}

    def file(self, key: str, lat: float, lon: float, reach_m: float) -> None:
        """(Re)file ``key`` under all cells within ``reach_m`` of a place; across the antimeridian as well."""
        reach = min(reach_m, MAX_REACH_M) / METRES_PER_DEGREE
        reach_lon = min(reach / max(math.cos(math.radians(lat)), 0.02), 180.0 - CELL_DEG)
        box = (_index(lat - reach), _index(lat + reach), _index(lon - reach_lon), _index(lon + reach_lon))
        if self._cells.get(key) == box:
            return
        self.remove(key)
        self._cells[key] = box
        for cell in _covered(box):
            self._members[cell].add(key)

    def remove(self, key: str) -> None:
        """Forget a key; unknown ones are fine."""
        box = self._cells.pop(key, None)
        for cell in _covered(box) if box else ():
            members = self._members[cell]
            members.discard(key)
            if not members:
                del self._members[cell]

    def near(self, lat: float, lon: float) -> list[str]:
        """Keys whose reach touches the cell of a place, in a fixed order so that replays repeat."""
        return sorted(self._members.get((_index(lat), _index(lon) % LON_CELLS), ()))


def _index(degrees: float) -> int:
    return math.floor(degrees / CELL_DEG)


def _covered(box: tuple[int, int, int, int]) -> list[Cell]:
    south, north, west, east = box
    return [(row, column % LON_CELLS) for row in range(south, north + 1) for column in range(west, east + 1)]
