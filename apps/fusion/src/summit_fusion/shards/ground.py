"""Ground: whose a place is. A raster of 1/64 degree over the earth; the H3 cell of a square's centre owns the square.

So every place has exactly one owner, the same in every process, by two divisions and one look into a table. A square is
looked up in H3 when something is first seen in it.
"""

import math
from collections.abc import Callable
from typing import Final

import h3.api.basic_int as h3
import numpy as np
from summit_core.geo import destination

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Floats, Ints, Marks

CELL: Final = 4
"""H3 resolution of what shards are made of: 1,770 km2."""
REGION: Final = 1
"""H3 resolution of what is tracked in one plane: 610,000 km2, farthest corner 560 km from the centre."""
SQUARES_A_DEGREE: Final = 64
COLUMNS: Final = 360 * SQUARES_A_DEGREE
HALO_M: Final = 8_000.0
"""A detection is shown to every region that is nearer than this."""
SHOW_M: Final = 4_000.0
"""A track is shown to every region that is nearer; what it does in the window of late data must stay in the halo."""
SQUARE_M: Final = 1_240.0
"""From the centre of a square to its corners, at most."""
AROUND: Final = 12
MOST_SQUARES: Final = 1 << 20
Kind = tuple[int, frozenset[int], frozenset[int]]
"""Zone that owns a square, zones within the halo, zones within showing distance (both with the owner)."""


@kernel
def squares(lat: Floats, lon: Floats) -> Ints:
    """The number of the square of each place (degrees)."""
    found = np.empty(len(lat), np.int64)
    for k in range(len(lat)):
        row = math.floor((lat[k] + 90.0) * SQUARES_A_DEGREE)
        column = math.floor((lon[k] + 180.0) * SQUARES_A_DEGREE)
        found[k] = min(max(row, 0), 180 * SQUARES_A_DEGREE - 1) * COLUMNS + column % COLUMNS
    return found


@kernel
def look_up(table: Ints, kinds: Ints, wanted: Ints) -> Ints:
    """Kind of each square, -1 where the table (open addressing, a power of two) does not know it."""
    found, mask = np.empty(len(wanted), np.int64), len(table) - 1
    for k in range(len(wanted)):
        slot = (wanted[k] * 2654435761 >> 7) & mask
        while table[slot] != wanted[k] and table[slot] != -1:
            slot = (slot + 1) & mask
        found[k] = kinds[slot] if table[slot] == wanted[k] else -1
    return found


@kernel
def enter(table: Ints, kinds: Ints, new: Ints, new_kinds: Ints) -> None:
    """Add squares that are not in the table; it has room."""
    mask = len(table) - 1
    for k in range(len(new)):
        slot = (new[k] * 2654435761 >> 7) & mask
        while table[slot] != -1:
            slot = (slot + 1) & mask
        table[slot], kinds[slot] = new[k], new_kinds[k]


class Ground:
    """The earth as one shard sees it: its own cells (None: all) are in zones, one a region, by the number of the H3
    cell of the region; a foreign cell is a zone of its own. A memory only: it changes no answer."""

    def __init__(self, cells: frozenset[int] | None) -> None:
        self.cells = cells
        self.kinds: list[Kind] = []
        self._numbers: dict[Kind, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._table, self._values = np.full(1 << 12, -1), np.zeros(1 << 12, np.int64)
        self._known = 0

    def zone(self, cell: int) -> int:
        """Zone of an H3 cell of resolution 4."""
        return int(h3.cell_to_parent(cell, REGION)) if self.cells is None or cell in self.cells else cell

    def is_ours(self, zone: int) -> bool:
        return int(h3.get_resolution(zone)) == REGION

    def kinds_of(self, lat: Floats, lon: Floats) -> Ints:
        """For each place the index of its kind in ``kinds``."""
        wanted = squares(lat, lon)
        while True:
            found = look_up(self._table, self._values, wanted)
            missing = np.unique(wanted[found < 0])
            if not len(missing):
                return found
            self._learn(missing)

    def where(self, found: Ints, test: Callable[[Kind], bool]) -> Marks:
        """Which of some places (their kinds) are as the test wants."""
        present, which = np.unique(found, return_inverse=True)
        wanted: Marks = np.array([test(self.kinds[k]) for k in present.tolist()], np.bool_)
        return wanted[which]

    def owner(self, lat: float, lon: float) -> int:
        """The H3 cell of resolution 4 that owns a place."""
        return _cell(*_centre(int(squares(np.array([lat]), np.array([lon]))[0])))

    def _learn(self, missing: Ints) -> None:
        if self._known + len(missing) > MOST_SQUARES:
            self._forget()
        self._known += len(missing)
        if 2 * self._known > len(self._table):
            had, values = self._table, self._values
            size = 1 << (4 * self._known).bit_length()
            self._table, self._values = np.full(size, -1), np.zeros(size, np.int64)
            enter(self._table, self._values, had[had >= 0], values[had >= 0])
        numbers = [self._number(self._kind(square)) for square in missing.tolist()]
        enter(self._table, self._values, missing, np.array(numbers, np.int64))

    def _number(self, kind: Kind) -> int:
        if kind not in self._numbers:
            self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return self._numbers[kind]

    def _kind(self, square: int) -> Kind:
        lat, lon = _centre(square)
        owner = _cell(lat, lon)
        near = {owner} | {_cell(*place) for place in _ring(lat, lon, SHOW_M + SQUARE_M)}
        halo = near | {_cell(*place) for place in _ring(lat, lon, HALO_M + SQUARE_M)}
        return self.zone(owner), frozenset(map(self.zone, halo)), frozenset(map(self.zone, near))


def _centre(square: int) -> tuple[float, float]:
    row, column = divmod(square, COLUMNS)
    return (row + 0.5) / SQUARES_A_DEGREE - 90.0, (column + 0.5) / SQUARES_A_DEGREE - 180.0


def _cell(lat: float, lon: float) -> int:
    return int(h3.latlng_to_cell(lat, lon, CELL))


def _ring(lat: float, lon: float, radius_m: float) -> list[tuple[float, float]]:
    return [destination(lat, lon, 360.0 * k / AROUND, radius_m) for k in range(AROUND)]
