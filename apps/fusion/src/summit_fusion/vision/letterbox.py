"""A picture into the square of a network and boxes back out of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from summit_core.errors import InputError

Picture = NDArray[np.uint8]
"""Height, width, red-green-blue."""
Floats = NDArray[np.float32]
PADDING = 114.0 / 255.0
"""Grey, as the common training code pads."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture scaled by ``scale`` to fit, its top left corner at ``left, top`` of the network's input (pixels)."""

    scale: float
    left: int
    top: int
    width: int
    height: int
    """Of the picture."""

    @classmethod
    def fit(cls, picture: Picture, width: int, height: int) -> tuple["Letterbox", Floats]:
        """The placing, and the input: shape (1, 3, height, width), 0 to 1, grey around the picture."""
        tall, wide = picture.shape[:2]
        scale = min(width / wide, height / tall)
        inner = (max(1, round(tall * scale)), max(1, round(wide * scale)))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        tensor = np.full((1, 3, height, width), PADDING, dtype=np.float32)
        tensor[0, :, top : top + inner[0], left : left + inner[1]] = resize(picture, *inner).transpose(2, 0, 1) / 255.0
        return cls(scale, left, top, wide, tall), tensor

    def undo(self, boxes: Floats) -> Floats:
        """Boxes (x0, y0, x1, y1 in pixels of the input) as fractions of the picture, cut at its edges."""
        corners = (boxes - np.tile([self.left, self.top], 2)) / self.scale / np.tile([self.width, self.height], 2)
        return np.asarray(np.clip(corners, 0.0, 1.0), dtype=np.float32)


def check_picture(picture: Picture) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape) < 1:
        raise InputError(
            f"a picture is uint8 (height, width, 3); this is {picture.dtype} {picture.shape}", field="picture"
        )


def resize(picture: Picture, height: int, width: int) -> Floats:
    """Mean over the source of each pixel where it shrinks (no aliasing), linear between where it grows."""
    down = _weights(picture.shape[0], height)
    across = _weights(picture.shape[1], width)
    rows = np.tensordot(down, picture.astype(np.float32), axes=(1, 0))
    return np.asarray(np.tensordot(rows, across, axes=(1, 1)).transpose(0, 2, 1), dtype=np.float32)


def _weights(source: int, target: int) -> Floats:
    """Row i: how much each source pixel counts in target pixel i (a triangle as wide as the coarser of the two)."""
    ratio = source / target
    middle = (np.arange(target) + 0.5) * ratio - 0.5
    away = np.abs(np.arange(source)[None, :] - np.clip(middle, 0.0, source - 1.0)[:, None])
    weight = np.maximum(0.0, 1.0 - away / max(ratio, 1.0))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)
