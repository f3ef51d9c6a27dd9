"""Bearings to position: ``locate(lines)`` gives the maximum likelihood fix, or says why there is none."""

from summit_fusion.locate.consensus import LocateSettings, locate
from summit_fusion.locate.sightline import Fix, FixHypothesis, SightLine

__all__ = ["Fix", "FixHypothesis", "LocateSettings", "SightLine", "locate"]
