"""Compile every kernel before it is needed: the first scan of an incident must not wait ten seconds for a compiler."""

from typing import Any

import numpy as np

from summit_fusion.jipda.bearing import Bearings
from summit_fusion.jipda.late import LateTracker
from summit_fusion.jipda.merge import Duplicates
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.tracker import JipdaTracker


def warm() -> None:
    """Run a few scans through all kernels; quick when their machine code is on disk from an earlier start."""
    tracker = JipdaTracker()
    places, noise = np.array([[0.0, 0.0], [5.0, 0.0], [5000.0, 0.0]]), np.tile([100.0, 0.0, 100.0], (3, 1))
    for second in range(3):
        tracker.step(Detections.of(float(second), places, noise, clutter=1e-8)[0])
    tracker.estimate(3.0)
    told: dict[str, Any] = {"alt": np.zeros(3), "alt_sigma": np.ones(3), "identity": np.array([4, 8, 12])}
    classes = np.eye(len(tracker.settings.classes.names))[[0, 1, 2]]
    for second in range(3, 5):
        tracker.step(Detections.of(float(second), places, noise, clutter=1e-8, class_p=classes, **told)[0])
    tracker.estimate(5.0)
    ahead, camera = np.zeros(1), np.array([[0.0, -100.0]])
    view = (0.0, -100.0, 0.0, 1.0, 1e3)
    bearings, _ = Bearings.of(5.0, ahead, ahead + 0.01, camera, clutter=0.1, detect=0.5, view=view)
    tracker.predict(5.0)
    tracker.absorb_bearings(bearings)
    late = LateTracker()
    for second, keys in ((0, [0, 1, 2]), (1, [3, 4]), (2, [6, 7, 8]), (1, [5])):
        rows, time = np.array(keys) % 3, float(second)
        late.take(Detections.of(time, places[rows], noise[rows], clutter=1e-8, key=np.array(keys))[0])
        late.settle()
    Duplicates().look(late)
