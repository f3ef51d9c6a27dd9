"""Hazards from bearings: smokes that stay, sorted into fires, located with what is known of each camera."""

from summit_fusion.hazards.fire import OWNER
from summit_fusion.hazards.hazards import Hazards
from summit_fusion.hazards.relief import Relief
from summit_fusion.hazards.settings import HazardSettings

__all__ = ["OWNER", "HazardSettings", "Hazards", "Relief"]
