"""Where a sensor sees what is not there: density of false detections about each detection, learnt from the scans.

Land, waves and moored things answer a radar again and again at the same places and in the same sectors. A tracker that
takes its false detections for uniform believes in them. The density at a place is a count about it (Musicki, Suvorova,
Morelande, Moran, "Clutter map and target tracking", FUSION 2005) of what no believed track explains, fading with time,
at several widths of which the highest counts: a rock is narrow, a shore is wide.
"""

import math
from collections import deque

import numpy as np

from summit_fusion.jipda.layout import Arrays, Floats
from summit_fusion.jipda.tracker import Absorbed

WIDTHS_M = (15.0, 60.0)
SCANS = 40
PRIOR_SCANS = 10.0
"""As many scans of the stated density are taken to have been seen before the first."""


class ClutterMap:
    """Of one sensor. ``density``: false detections a square metre and scan that it is said to have."""

    def __init__(self, density: float, widths_m: tuple[float, ...] = WIDTHS_M, scans: int = SCANS) -> None:
        self._prior = density
        self._widths = widths_m
        self._past: deque[tuple[Floats, Floats]] = deque(maxlen=scans)

    def at(self, z: Floats) -> Floats:
        """False detections a square metre and scan at each of (n, 2) places."""
        if not self._past or not len(z):
            return np.full(len(z), self._prior)
        places = np.concatenate([place for place, _ in self._past])
        weight = np.concatenate([weight for _, weight in self._past])
        distance = np.hypot(z[:, None, 0] - places[None, :, 0], z[:, None, 1] - places[None, :, 1])
        seen = PRIOR_SCANS + len(self._past)
        highest = np.full(len(z), 0.0)
        for width in self._widths:
            count = (weight * (distance < width)).sum(1) / (math.pi * width * width)
            highest = np.maximum(highest, (count + PRIOR_SCANS * self._prior) / seen)
        return highest

    def learn(self, z: Floats, absorbed: Absorbed, tracks: Arrays) -> None:
        """A scan of detections ``z`` and what the tracker made of it."""
        believed = np.isin(absorbed.ids, tracks.id[: tracks.count][tracks.confirmed[: tracks.count] == 1])
        explained = np.zeros(len(z))
        np.add.at(explained, absorbed.edges, absorbed.share * np.repeat(believed, np.diff(absorbed.start)))
        self._past.append((z, 1.0 - np.minimum(explained, 1.0)))
