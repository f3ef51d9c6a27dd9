"""Joint integrated probabilistic data association: many sensors, many targets, one existence probability each."""

from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import Motion, TrackerSettings
from summit_fusion.jipda.tracker import Estimate, JipdaTracker

__all__ = ["Detections", "Estimate", "JipdaTracker", "Motion", "TrackerSettings"]
