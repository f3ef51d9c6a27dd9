"""What a camera can see of a terrain, how far smoke must rise before it does, and what no camera sees.

A radial sweep (the idea of R2 and R3: Franklin and Ray, "Higher isn't necessarily better: visibility algorithms and
experiments", 1994): lines of sight to every cell of the outermost circle, along each the highest tangent so far. Each
cell is then compared with the horizon that its two neighbouring lines have before it, so its own place and height count
exactly and only what hides it is interpolated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from summit_core.errors import InputError

from summit_fusion.compiled import kernel
from summit_fusion.locate.cameras import Mask
from summit_fusion.terrain.outline import outline
from summit_fusion.terrain.patch import Heights, Patch
from summit_fusion.terrain.raycast import CURVATURE, STEP, Camera, Eye, profiles

SPACING = 2.0 / 3.0
"""Of a cell, between two lines at the outermost circle."""

MultiPolygon = list[list[list[tuple[float, float]]]]


@dataclass(frozen=True, slots=True)
class Viewshed:
    """``depth``: for each cell of the terrain, how many metres above the ground the line of sight passes: smoke shows
    once it has risen so far. 0 where the ground is in sight, infinite out of range, NaN where it is not known."""

    terrain: Patch
    camera: Camera
    max_range_m: float
    depth: Heights

    def seen(self, above_m: float = 0.0) -> Mask:
        """Cells of which the camera sees what stands ``above_m`` above the ground."""
        return np.asarray(self.depth <= above_m)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many cameras see each cell; ``blind`` is what none sees. Only cells that count are in ``area``."""

    terrain: Patch
    cameras: NDArray[np.uint8]
    area: Mask

    @property
    def blind(self) -> Mask:
        return np.asarray(self.area & (self.cameras == 0))

    def share(self, at_least: int = 1) -> float:
        """Part of the area that so many cameras see; two are needed for a position."""
        return float((self.cameras[self.area] >= at_least).mean()) if self.area.any() else 0.0


def viewshed(terrain: Patch, camera: Camera, max_range_m: float) -> Viewshed:
    """InputError (field ``camera`` or ``max_range_m``) when it cannot be placed."""
    if not terrain.cell_m <= max_range_m <= 200_000.0:
        raise InputError(f"{terrain.cell_m:g} m (a cell) to 200 km", field="max_range_m")
    eye = Eye.of(terrain, camera)
    rays = math.ceil(2.0 * math.pi * max_range_m / (SPACING * terrain.cell_m))
    directions = np.linspace(0.0, 2.0 * math.pi, rays, endpoint=False)
    steps = math.ceil(max_range_m / (STEP * terrain.cell_m)) + 1
    _, horizon = profiles(terrain, eye, directions, steps)
    depth = np.full(terrain.heights.shape, np.inf, dtype=np.float32)
    _sweep(terrain.heights, eye.column, eye.row, eye.altitude, terrain.cell_m, max_range_m, horizon, depth)
    return Viewshed(terrain, camera, max_range_m, depth)


def coverage(views: Sequence[Viewshed], above_m: float = 0.0) -> Coverage:
    """Of cameras over one terrain: the area is what lies in range of any and is known."""
    if not views or any(view.terrain is not views[0].terrain for view in views):
        raise InputError("one viewshed or more, all over the same terrain", field="views")
    area = np.zeros(views[0].depth.shape, dtype=bool)
    count = np.zeros(views[0].depth.shape, dtype=np.uint8)
    for view in views:
        area |= np.isfinite(view.depth)
        count += view.seen(above_m)
    return Coverage(views[0].terrain, count, area)


def polygons(terrain: Patch, mask: Mask, least_cells: int = 1) -> MultiPolygon:
    """Cells of a terrain as coordinates of a GeoJSON MultiPolygon (longitude, latitude)."""
    found = []
    for polygon in outline(mask, least_cells):
        rings = []
        for ring in polygon:
            lat, lon = terrain.to_geodetic(ring - 0.5)
            rings.append(list(zip(lon.tolist(), lat.tolist(), strict=True)))
        found.append(rings)
    return found


@kernel
def _sweep(
    heights: Heights, column: float, row: float, altitude: float, cell_m: float, max_range_m: float, horizon: Heights,
    depth: Heights,
) -> None:  # fmt: skip
    rays = len(horizon)
    reach, per_ray = max_range_m / cell_m, rays / (2.0 * math.pi)
    for i in range(max(0, math.ceil(row - reach)), min(heights.shape[0], math.floor(row + reach) + 1)):
        for j in range(max(0, math.ceil(column - reach)), min(heights.shape[1], math.floor(column + reach) + 1)):
            away = math.hypot(i - row, j - column)
            if away > reach:
                continue
            before = int(away / STEP - 0.5) - 1
            if before < 0:
                depth[i, j] = 0.0 * heights[i, j]
            else:
                ray = math.atan2(j - column, i - row) * per_ray
                left = math.floor(ray)
                part = ray - left
                hides = horizon[left % rays, before] * (1.0 - part) + horizon[(left + 1) % rays, before] * part
                s = away * cell_m
                under = altitude + s * (hides + CURVATURE * s) - heights[i, j]
                depth[i, j] = math.nan if math.isnan(under) else max(0.0, under)
