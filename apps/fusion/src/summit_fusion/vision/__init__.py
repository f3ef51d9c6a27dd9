"""From pictures to directions: detectors of record, candidates for a look, pinhole cameras."""

from summit_fusion.vision.detector import Detector, Sighting
from summit_fusion.vision.pinhole import Direction, Pose, base_direction, direction, pixel
from summit_fusion.vision.plume import PlumeCandidate, PlumeFinder

__all__ = [
    "Detector",
    "Direction",
    "PlumeCandidate",
    "PlumeFinder",
    "Pose",
    "Sighting",
    "base_direction",
    "direction",
    "pixel",
]
