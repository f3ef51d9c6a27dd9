"""Compile what looks back on encounters: of recordings alone, so no service waits for it at its start."""

import numpy as np

from summit_fusion.jipda.hindsight import Hindsight
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.tracker import JipdaTracker


def warm_hindsight() -> None:
    """Two targets that meet; quick when the machine code is on disk from an earlier time."""
    noise = np.tile([100.0, 0.0, 100.0], (2, 1))
    afterwards = Hindsight(JipdaTracker())
    for second in range(6):
        apart = 30.0 * (2.5 - second)
        pair = np.array([[-apart, 0.0], [apart, 5.0]])
        afterwards.tracker.step(Detections.of(float(second), pair, noise, clutter=1e-8)[0])
        afterwards.show(second + 0.5)
    afterwards.amended()
