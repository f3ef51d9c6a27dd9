"""Terrain and sight lines: bands of single cameras, viewsheds, coverage. Files are read by ``terrain.elevation``."""

from summit_fusion.terrain.band import Band, Interval, band
from summit_fusion.terrain.patch import Patch
from summit_fusion.terrain.plane import Plane
from summit_fusion.terrain.raycast import Camera, cast
from summit_fusion.terrain.sharpen import sharpen
from summit_fusion.terrain.viewshed import Coverage, MultiPolygon, Viewshed, coverage, polygons, viewshed

__all__ = [
    "Band",
    "Camera",
    "Coverage",
    "Interval",
    "MultiPolygon",
    "Patch",
    "Plane",
    "Viewshed",
    "band",
    "cast",
    "coverage",
    "polygons",
    "sharpen",
    "viewshed",
]
