"""Cameras as instruments: what each one sees again and again, and how far its azimuths are off."""

from summit_fusion.cameras.bias import Bias, Biases, BiasSettings
from summit_fusion.cameras.persistence import Persistence, PersistenceSettings, State
from summit_fusion.cameras.smokes import Camera, Sighting, Smoke

__all__ = [
    "Bias",
    "BiasSettings",
    "Biases",
    "Camera",
    "Persistence",
    "PersistenceSettings",
    "Sighting",
    "Smoke",
    "State",
]
