"""Sight lines over terrain: what each direction from a camera sees, and where a line meets the ground.

Heights are compared as tangents of the apparent elevation angle: ground ``z`` at ``s`` metres from an eye at ``z0``
appears at ``(z - z0) / s - CURVATURE * s``. CURVATURE = (1 - k) / 2R joins the curvature of the earth with refraction,
k = 0.13 (Gauss's coefficient for light; Torge and Mueller, "Geodesy", 4th ed., section 5.1.1). The line from a height
``h`` over a level earth touches it at sqrt(h / CURVATURE). k varies by about 0.1 with the weather: 3 m at 20 km.
"""

import math
from dataclasses import dataclass

import numpy as np
from summit_core.errors import InputError
from summit_core.geo import MEAN_RADIUS_M

from summit_fusion.compiled import kernel
from summit_fusion.locate.cameras import Array
from summit_fusion.terrain.patch import Heights, Patch, ground

REFRACTION = 0.13
CURVATURE = (1.0 - REFRACTION) / (2.0 * MEAN_RADIUS_M)
STEP = 0.5
"""Of a cell, between two looks at the ground along a line."""
BISECTIONS = 12
MANY = 1_000
"""Lines from which on it pays to look for the steepest ground first."""


@dataclass(frozen=True, slots=True)
class Camera:
    """At ``lat, lon`` (degrees), ``height_m`` metres above the ground."""

    lat: float
    lon: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera in the grid of a patch: column, row (fractions), altitude (metres, the datum of the patch), direction
    of true north in the grid (radians clockwise)."""

    column: float
    row: float
    altitude: float
    north: float

    @classmethod
    def of(cls, terrain: Patch, camera: Camera) -> "Eye":
        if not 0.0 <= camera.height_m <= 10_000.0:
            raise InputError("a camera stands 0 to 10,000 m above the ground", field="camera.height_m")
        column, row, height = terrain.place(camera.lat, camera.lon, "camera")
        return cls(column, row, height + camera.height_m, terrain.plane.north_at(camera.lat, camera.lon))


def cast(terrain: Patch, camera: Camera, azimuth_deg: Array, elevation_deg: Array, max_range_m: float) -> Array:
    """Range (metres along the ground) at which each line first meets the ground.

    NaN where it does not within ``max_range_m``, or reaches ground that is unknown before it does. An error of the
    angle of a tenth of a degree may move this point by kilometres: use ``band`` for anything that is believed.
    """
    eye = Eye.of(terrain, camera)
    directions = np.radians(np.asarray(azimuth_deg, float)) + eye.north
    slopes = np.tan(np.radians(np.asarray(elevation_deg, float)))
    steepest = _steepest(terrain.heights) / terrain.cell_m if len(directions) >= MANY else math.inf
    ranges = np.empty(len(directions))
    _cast(
        *(terrain.heights, eye.column, eye.row, eye.altitude, terrain.cell_m, directions, slopes, max_range_m),
        *(steepest, ranges),
    )
    return ranges


@kernel
def _cast(
    heights: Heights, column: float, row: float, altitude: float, cell_m: float, directions: Array, slopes: Array,
    max_range_m: float, steepest: float, ranges: Array,
) -> None:  # fmt: skip
    """Steps of a cell, or as far as the steepest ground would need to reach the line (sphere tracing: Hart 1996); then
    bisection between the last point above the ground and the first below it."""
    for k in range(len(directions)):
        east, north, slope = math.sin(directions[k]) / cell_m, math.cos(directions[k]) / cell_m, slopes[k]
        closing = steepest + abs(slope) + 2.0 * CURVATURE * max_range_m
        above, below, found = 0.0, cell_m, False
        while above < max_range_m:
            under = ground(heights, column + east * below, row + north * below) - altitude
            under -= below * (slope + CURVATURE * below)
            if math.isnan(under):
                break
            if under >= 0.0:
                found = True
                break
            above = below
            below = above + max(cell_m, -under / closing)
        ranges[k] = math.nan
        if not found:
            continue
        for _ in range(BISECTIONS):
            s = 0.5 * (above + below)
            if ground(heights, column + east * s, row + north * s) - altitude >= s * (slope + CURVATURE * s):
                below = s
            else:
                above = s
        if below <= max_range_m:
            ranges[k] = below


@kernel
def _steepest(heights: Heights) -> float:
    """Of all ground that is known, metres a cell, at least."""
    rows, columns = heights.shape
    across, up = 0.0, 0.0
    for i in range(rows):
        for j in range(columns):
            east = abs(heights[i, j] - heights[i, max(j - 1, 0)])
            north = abs(heights[i, j] - heights[max(i - 1, 0), j])
            if east > across:  # not max(): that keeps NaN
                across = east
            if north > up:
                up = north
    return math.hypot(across, up)


def profiles(terrain: Patch, eye: Eye, directions: Array, steps: int) -> tuple[Heights, Heights]:
    """Along each direction (radians in the grid), at ``STEP * cell_m`` times 1, 2, ... ``steps``: the tangent at which
    the ground appears, and the highest so far, which hides what is lower behind it. NaN from where it is unknown."""
    slope = np.empty((len(directions), steps), dtype=np.float32)
    horizon = np.empty_like(slope)
    _profiles(terrain.heights, eye.column, eye.row, eye.altitude, terrain.cell_m, directions, slope, horizon)
    return slope, horizon


@kernel
def _profiles(
    heights: Heights, column: float, row: float, altitude: float, cell_m: float, directions: Array, slope: Heights,
    horizon: Heights,
) -> None:  # fmt: skip
    steps = slope.shape[1]
    for ray in range(len(directions)):
        east, north = STEP * math.sin(directions[ray]), STEP * math.cos(directions[ray])
        top = -math.inf
        for k in range(steps):
            s = STEP * cell_m * (k + 1)
            here = (ground(heights, column + east * (k + 1), row + north * (k + 1)) - altitude) / s - CURVATURE * s
            if math.isnan(here):
                slope[ray, k:] = math.nan
                horizon[ray, k:] = math.nan
                break
            top = max(top, here)
            slope[ray, k] = here
            horizon[ray, k] = top
