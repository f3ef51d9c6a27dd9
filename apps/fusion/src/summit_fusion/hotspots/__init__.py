"""Satellite hot spots: FIRMS rows in every variant, by footprint and time, as fires with outline and growth."""

from summit_fusion.hotspots.cluster import cluster
from summit_fusion.hotspots.fire import Fire, fires_of
from summit_fusion.hotspots.rows import Hotspots, Problem, read

__all__ = ["Fire", "Hotspots", "Problem", "cluster", "fires_of", "read"]
