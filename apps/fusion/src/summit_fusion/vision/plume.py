"""Candidates for a plume by plain means: something whitish that grows upwards from a base that stays where it is.

Worth a look by a detector or a person, no more. A :class:`PlumeCandidate` carries no score and no class, and nothing
turns it into a bearing: clouds, dust and light make candidates as well, and no field figure stands behind them.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from summit_fusion.vision.change import Cells, Whitening
from summit_fusion.vision.letterbox import Picture, check_picture

LEAST_CELLS: Final = 4
PERSISTENCE: Final = 6
"""Frames that it must have been seen in."""
GROWTH: Final = 1.5
"""Of its size since it was first seen."""
RISE: Final = 2
"""Cells that its top must have risen."""
STEADY: Final = 2.0
"""Cells that its base may have wandered."""
PATIENCE: Final = 2
"""Frames in a row that it may be missed in."""

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlumeCandidate:
    """Where to look: ``region`` in fractions of the picture (x0, y0, x1, y1); seen in so many ``frames`` and grown to
    ``growth`` times its first size."""

    region: tuple[float, float, float, float]
    frames: int
    growth: float


@dataclass(slots=True)
class _Spot:
    """One thing followed from frame to frame: rows grow downwards, so its top is its least row."""

    cells: set[Cell]
    size: int
    top: int
    bases: list[tuple[float, float]]
    missed: int = 0
    seen: bool = field(default=True)

    def is_plume(self) -> bool:
        rows, columns = zip(*self.bases, strict=True)
        steady = max(max(rows) - min(rows), max(columns) - min(columns)) <= STEADY
        grown = len(self.cells) >= GROWTH * self.size and self.top - _top(self.cells) >= RISE
        return len(self.bases) >= PERSISTENCE and steady and grown


class PlumeFinder:
    """Follows one camera that looks one way; give it every frame, in order (about one in 2 to 30 s)."""

    def __init__(self) -> None:
        self._whitening = Whitening()
        self._spots: list[_Spot] = []

    def push(self, picture: Picture) -> list[PlumeCandidate]:
        """What looks like a plume after this picture (uint8, height x width x 3, red-green-blue)."""
        check_picture(picture)
        whiter = self._whitening(picture)
        self._follow([blob for blob in blobs(whiter) if len(blob) >= LEAST_CELLS])
        return [_candidate(spot, whiter.shape) for spot in self._spots if spot.seen and spot.is_plume()]

    def _follow(self, found: list[set[Cell]]) -> None:
        """Each blob goes to the spot that shares most cells with it, and to one only."""
        for spot in self._spots:
            spot.seen = False
        for blob in sorted(found, key=len, reverse=True):
            known = max(self._spots, key=lambda one: len(one.cells & blob), default=None)
            if known is None or not known.cells & blob:
                self._spots.append(_Spot(blob, len(blob), _top(blob), [_base(blob)]))
            elif not known.seen:
                known.cells, known.missed, known.seen = blob, 0, True
                known.bases.append(_base(blob))
        for spot in self._spots:
            spot.missed += not spot.seen
        self._spots = [spot for spot in self._spots if spot.missed <= PATIENCE]


def blobs(cells: Cells) -> list[set[Cell]]:
    """Cells that touch, also at a corner."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(cells)), strict=True))
    found = []
    while left:
        open_cells = [left.pop()]
        blob = set(open_cells)
        while open_cells:
            row, column = open_cells.pop()
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            blob |= near
            open_cells.extend(near)
        found.append(blob)
    return found


def _top(blob: set[Cell]) -> int:
    return min(row for row, _ in blob)


def _base(blob: set[Cell]) -> tuple[float, float]:
    """Lowest row, and middle of the two lowest."""
    lowest = max(row for row, _ in blob)
    return float(lowest), float(np.mean([column for row, column in blob if row >= lowest - 1]))


def _candidate(spot: _Spot, shape: tuple[int, ...]) -> PlumeCandidate:
    rows, columns = zip(*spot.cells, strict=True)
    return PlumeCandidate(
        region=(
            min(columns) / shape[1],
            min(rows) / shape[0],
            (max(columns) + 1) / shape[1],
            (max(rows) + 1) / shape[0],
        ),
        frames=len(spot.bases),
        growth=len(spot.cells) / spot.size,
    )
