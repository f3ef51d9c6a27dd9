"""Compile every kernel before it is needed: the first scan of an incident must not wait ten seconds for a compiler."""

import numpy as np

from summit_fusion.jipda.late import LateTracker
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.tracker import JipdaTracker


def warm() -> None:
    """Run a few scans through all kernels; quick when their machine code is on disk from an earlier start."""
    tracker = JipdaTracker()
    places, noise = np.array([[0.0, 0.0], [5.0, 0.0], [5000.0, 0.0]]), np.tile([100.0, 0.0, 100.0], (3, 1))
    for second in range(3):
        tracker.step(Detections.of(float(second), places, noise, clutter=1e-8)[0])
    tracker.estimate(3.0)
    late = LateTracker()
    for second, keys in ((0, [0, 1, 2]), (1, [3, 4]), (2, [6, 7, 8]), (1, [5])):
        rows, time = np.array(keys) % 3, float(second)
        late.take(Detections.of(time, places[rows], noise[rows], clutter=1e-8, key=np.array(keys))[0])
        late.settle()
