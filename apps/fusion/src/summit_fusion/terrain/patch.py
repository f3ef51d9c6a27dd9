"""A piece of terrain as heights on a square grid of a :class:`Plane`."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from summit_core.errors import InputError

from summit_fusion.compiled import kernel
from summit_fusion.locate.cameras import Array
from summit_fusion.terrain.plane import Plane

Heights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Patch:
    """``heights``: metres above any one datum, row 0 in the south, column 0 in the west; NaN is unknown.

    ``west, south``: where the middle of the first cell lies in the plane; ``cell_m``: side of a cell. Between the
    middles the ground is bilinear.
    """

    plane: Plane
    heights: Heights
    west: float
    south: float
    cell_m: float

    @classmethod
    def centred(cls, lat: float, lon: float, heights: Heights, cell_m: float) -> "Patch":
        """With the middle of the grid at ``lat, lon``."""
        rows, columns = heights.shape
        return cls(
            plane=Plane(lat, lon),
            heights=np.ascontiguousarray(heights, dtype=np.float32),
            west=-(columns - 1) / 2.0 * cell_m,
            south=-(rows - 1) / 2.0 * cell_m,
            cell_m=cell_m,
        )

    def place(self, lat: float, lon: float, field: str = "position") -> tuple[float, float, float]:
        """Column, row (fractions) and height of the ground at a position; InputError names ``field``."""
        x, y = self.plane.to_plane(np.array([lat]), np.array([lon]))[0]
        column, row = (float(x) - self.west) / self.cell_m, (float(y) - self.south) / self.cell_m
        rows, columns = self.heights.shape
        if not (0.0 <= column <= columns - 1.0 and 0.0 <= row <= rows - 1.0):
            raise InputError(f"{lat:.5f} {lon:.5f} is outside the elevation data", field=field)
        height = ground(self.heights, column, row)
        if math.isnan(height):
            raise InputError(f"the elevation data has no value at {lat:.5f} {lon:.5f}", field=field)
        return column, row, height

    def at(self, lat: float, lon: float) -> float:
        """Height of the ground (metres, bilinear)."""
        return self.place(lat, lon)[2]

    def to_geodetic(self, cells: Array) -> tuple[Array, Array]:
        """Latitude, longitude of points given as column, row."""
        return self.plane.to_geodetic(np.array([self.west, self.south]) + cells * self.cell_m)


@kernel
def ground(heights: Heights, column: float, row: float) -> float:
    """Bilinear height; NaN outside, and where any of the four around is unknown."""
    rows, columns = heights.shape
    if not (0.0 <= column <= columns - 1.0 and 0.0 <= row <= rows - 1.0):
        return math.nan
    j, i = min(int(column), columns - 2), min(int(row), rows - 2)
    u, v = column - j, row - i
    below = heights[i, j] * (1.0 - u) + heights[i, j + 1] * u
    above = heights[i + 1, j] * (1.0 - u) + heights[i + 1, j + 1] * u
    return float(below * (1.0 - v) + above * v)
