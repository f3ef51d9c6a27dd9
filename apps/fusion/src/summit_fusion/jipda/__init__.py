"""Joint integrated probabilistic data association: many sensors, many targets, one existence probability each."""

from summit_fusion.jipda.bearing import Bearings
from summit_fusion.jipda.late import LateTracker
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import Motion, TrackerSettings
from summit_fusion.jipda.tracker import Estimate, JipdaTracker

__all__ = ["Bearings", "Detections", "Estimate", "JipdaTracker", "LateTracker", "Motion", "TrackerSettings"]
