"""What has become whiter in a picture since a while ago, on a coarse grid, whatever the exposure and the mount do."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from summit_fusion.vision.letterbox import Floats, Picture

COLUMNS: Final = 192
"""Of the grid, about."""
ADAPTING: Final = 0.03
"""Part of a difference that the background takes over in a frame; a tenth of it where something has changed."""
LEAST_CHANGE: Final = 0.05
"""Of the logarithm of brightness."""
NOISE: Final = 5.0
"""Standard deviations of its own flicker that a cell must change by."""
WHITISH: Final = 0.3
"""Saturation (0 to 1) of smoke, at most."""
LIGHTING: Final = 0.2
"""When so much of the picture changes at once it is the light."""
FURTHEST_SHIFT: Final = 6
"""Cells; a picture that moved further was turned."""

Cells = NDArray[np.bool_]


class Whitening:
    """Holds the background; feed it frame by frame, in order."""

    def __init__(self) -> None:
        self._background: Floats | None = None
        self._noise: Floats | None = None

    def __call__(self, picture: Picture) -> Cells:
        """Cells that are whiter than their background; none while there is no background to speak of."""
        colours = reduce(picture)
        brightest = colours.max(axis=2)
        saturation = (brightest - colours.min(axis=2)) / np.maximum(brightest, 1.0)
        light = np.log(colours.mean(axis=2) + 8.0)
        if self._background is None or self._noise is None or self._background.shape != light.shape:
            self._background, self._noise = light.copy(), np.full_like(light, LEAST_CHANGE / NOISE)
            return np.zeros(light.shape, dtype=bool)
        light = np.asarray(light - np.median(light - self._background), dtype=np.float32)  # exposure
        shift = shift_between(light, self._background)
        if max(abs(shift[0]), abs(shift[1])) > FURTHEST_SHIFT:
            self._background = None
            return np.zeros(light.shape, dtype=bool)
        light, saturation = np.roll(light, shift, (0, 1)), np.roll(saturation, shift, (0, 1))
        change = without_shake(light - self._background, self._background)
        changed = np.abs(change) > np.maximum(LEAST_CHANGE, NOISE * self._noise)
        pace = np.where(changed, 0.1 * ADAPTING, ADAPTING)
        self._background += pace * change
        self._noise += np.where(changed, 0.0, ADAPTING) * (np.abs(change) - self._noise)
        whiter = changed & (change > 0.0) & (saturation < WHITISH)
        whiter[[0, -1], :] = whiter[:, [0, -1]] = False
        return whiter if np.count_nonzero(changed) < LIGHTING * changed.size else np.zeros(light.shape, dtype=bool)


def reduce(picture: Picture) -> Floats:
    """Mean colour of each cell of the grid, from every other pixel where there are many."""
    side = max(1, picture.shape[1] // COLUMNS)
    thin = picture[:: (every := max(1, side // 4)), ::every]
    side //= every
    rows, columns = thin.shape[0] // side, thin.shape[1] // side
    cells = thin[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return np.asarray(cells.mean(axis=(1, 3), dtype=np.float32))


def shift_between(light: Floats, background: Floats) -> tuple[int, int]:
    """Whole cells by which a picture must be moved to lie on the background (phase correlation: Kuglin, Hines 1975)."""
    spectrum = np.fft.rfft2(background - background.mean()) * np.conj(np.fft.rfft2(light - light.mean()))
    peak = np.fft.irfft2(spectrum / np.maximum(np.abs(spectrum), 1e-9), s=light.shape)
    row, column = np.unravel_index(int(np.argmax(peak)), peak.shape)
    rows, columns = light.shape
    return (int(row) + rows // 2) % rows - rows // 2, (int(column) + columns // 2) % columns - columns // 2


def without_shake(change: Floats, background: Floats) -> Floats:
    """A change less what a shift by part of a cell explains (Lucas and Kanade 1981, one step for the whole picture)."""
    down, across = np.gradient(background)
    slopes = np.stack([down.ravel(), across.ravel()], axis=1)
    flat = change.ravel()
    usual = np.abs(flat) < 4.0 * np.median(np.abs(flat)) + 1e-6  # what has changed says nothing of the mount
    moved, *_ = np.linalg.lstsq(slopes[usual], flat[usual], rcond=None)
    return np.asarray((flat - slopes @ moved).reshape(change.shape), dtype=np.float32)
