"""H3 cells as they are stored: all of one resolution, so those within a coarser cell are one range of numbers. Pure."""

from typing import Final

import h3.api.basic_int as h3
from summit_core.errors import InputError
from summit_core.geo import H3_RESOLUTION

_FINEST: Final = 15
_RESOLUTION_AT: Final = 52
_BITS_A_DIGIT: Final = 3
_LAST_CHILD: Final = 6


def stored_cells(text: str) -> tuple[int, int]:
    """The first and the last stored cell within a cell, given in hexadecimal; raises :class:`InputError`."""
    cell = int(text, 16)
    if not h3.is_valid_cell(cell):
        raise InputError(f"h3: {text} is not an H3 cell", field="h3")
    resolution = h3.get_resolution(cell)
    if resolution > H3_RESOLUTION:
        raise InputError(f"h3: resolution {resolution}, send {H3_RESOLUTION} at the most", field="h3")
    first = last = cell & ~(_FINEST << _RESOLUTION_AT) | H3_RESOLUTION << _RESOLUTION_AT
    for finer in range(resolution + 1, H3_RESOLUTION + 1):
        at = _BITS_A_DIGIT * (_FINEST - finer)
        first &= ~(0b111 << at)
        last = last & ~(0b111 << at) | _LAST_CHILD << at
    return first, last
