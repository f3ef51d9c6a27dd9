"""One camera and the terrain: where on the ground the thing that it sees may stand. A band, never a point.

Before anything is seen, every range is as likely as any other: there is more ground further away, and it is as much
harder to notice, because the apparent size of a plume falls as 1 / range. What was seen then weighs the ranges
(``likelihood.py``).
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from summit_core.errors import InputError

from summit_fusion.locate.cameras import Array, Mask
from summit_fusion.terrain.likelihood import likelihood
from summit_fusion.terrain.outline import outline
from summit_fusion.terrain.patch import Heights, Patch
from summit_fusion.terrain.raycast import STEP, Camera, Eye, profiles

MAX_RANGE_M: Final = 30_000.0
SPREAD: Final = 3.0
"""Standard deviations of the azimuth that a band is wide, to each side."""
LEVEL: Final = 0.95
UNEXPLAINED_SIGMA: Final = 3.5
HIDDEN_M: Final = 1.0
"""Ground this far below the line of sight is hidden."""
LARGEST_GAP: Final = 2
"""Steps between two intervals that are told as one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Ranges from the camera (metres along the ground) that the band holds.

    ``hidden`` is the part of ``probability`` on ground that the camera does not see; ``rise_m`` is how far smoke must
    have risen there, at least, to be seen (0 where some of the ground is in sight).
    """

    near_m: float
    far_m: float
    probability: float
    hidden: float
    rise_m: float


@dataclass(frozen=True, slots=True)
class Band:
    """Where it may be, as a probability for each cell of azimuth and range.

    ``intervals``, nearest first, hold 95 % of what lies within the elevation data. ``hidden``: the probability that the
    base of the smoke is out of sight, so that the lowest smoke seen is not its base. ``beyond``: that it stands where
    the elevation is unknown. ``reason``: ``above_skyline`` when all ground lies below the elevation angle, which was
    then left out; ``unknown_terrain`` when there is no ground to speak of.
    """

    camera: Camera
    azimuth_deg: float
    sigma_deg: float
    intervals: tuple[Interval, ...]
    hidden: float
    beyond: float
    reason: str | None
    terrain: Patch
    eye: Eye
    offsets: Array
    """Azimuth of the middle of each row of cells, radians from ``azimuth_deg``, equally spaced."""
    likelihood: Array
    """Of what was seen, for each azimuth and range."""
    mass: Array
    """Probability of each cell within the elevation data; adds up to ``1 - beyond``."""

    def weight(self, lat: Array, lon: Array) -> Array:
        """What the elevation angle and the terrain say of points, relative to each other; 0 beyond the range.

        The azimuth has no part in it: positions from bearings already hold that.
        """
        row, column = self._cells(lat, lon)
        rows, columns = self.likelihood.shape
        weights = self.likelihood[np.clip(row, 0, rows - 1), np.minimum(column, columns - 1)]
        return np.where(column < columns, weights, 0.0)

    def contains(self, lat: float, lon: float) -> bool:
        """Is the point in the 95 % region?"""
        (row,), (column,) = self._cells(np.array([lat]), np.array([lon]))
        rows, columns = self.mass.shape
        return bool(0 <= row < rows and column < columns and self.region()[row, column])

    def region(self) -> Mask:
        """The most probable cells that together hold 95 % of what lies within the elevation data."""
        return densest(self.mass)

    def polygons(self) -> list[list[list[tuple[float, float]]]]:
        """The region as coordinates of a GeoJSON MultiPolygon (longitude, latitude)."""
        return [[self._ring(ring) for ring in polygon] for polygon in outline(self.region())]

    def _cells(self, lat: Array, lon: Array) -> tuple[Array, Array]:
        """Row (azimuth) and column (range) of the cell of each point; they may lie outside."""
        cell = self.terrain.cell_m
        places = self.terrain.plane.to_plane(lat, lon) / cell
        east = places[:, 0] - self.terrain.west / cell - self.eye.column
        north = places[:, 1] - self.terrain.south / cell - self.eye.row
        off = np.arctan2(east, north) - self.eye.north - math.radians(self.azimuth_deg)
        off = (off + np.pi) % (2.0 * np.pi) - np.pi
        row = np.rint((off - self.offsets[0]) / (self.offsets[1] - self.offsets[0]))
        return row.astype(int), (np.hypot(east, north) / STEP).astype(int)

    def _ring(self, ring: Array) -> list[tuple[float, float]]:
        """Corners of the polar grid (range, azimuth) on the ground; counter-clockwise there is clockwise here."""
        corners = _along_arcs(ring)[::-1]
        width = self.offsets[1] - self.offsets[0]
        direction = math.radians(self.azimuth_deg) + self.eye.north + self.offsets[0] + (corners[:, 1] - 0.5) * width
        away = np.stack([np.sin(direction), np.cos(direction)], axis=1) * (STEP * corners[:, :1])
        lat, lon = self.terrain.to_geodetic(away + np.array([self.eye.column, self.eye.row]))
        return list(zip(lon.tolist(), lat.tolist(), strict=True))


def band(
    terrain: Patch,
    camera: Camera,
    azimuth_deg: float,
    sigma_deg: float,
    elevation: tuple[float, float] | None = None,
    *,
    max_range_m: float = MAX_RANGE_M,
) -> Band:
    """Where a plume may stand that ``camera`` sees in direction ``azimuth_deg`` (one sigma: ``sigma_deg``).

    ``elevation``: angle of the lowest smoke above the horizontal and its sigma, degrees, where the picture tells them.
    InputError (field ``camera``) outside the elevation data.
    """
    _check(sigma_deg, elevation, max_range_m)
    eye, step_m = Eye.of(terrain, camera), STEP * terrain.cell_m
    width = 2.0 * SPREAD * math.radians(sigma_deg)
    rays = int(np.clip(width * max_range_m / (2.0 * terrain.cell_m), 31, 181))
    offsets = ((np.arange(rays) + 0.5) / rays - 0.5) * width
    slope, horizon = profiles(terrain, eye, offsets + math.radians(azimuth_deg) + eye.north, int(max_range_m / step_m))
    seen = (math.radians(elevation[0]), math.radians(elevation[1])) if elevation else None
    found, depth = likelihood(slope, horizon, step_m, seen)
    reason = None
    if seen and _above_skyline(found, horizon, *seen):
        reason = "above_skyline"
        found, depth = likelihood(slope, horizon, step_m, None)
    across = np.exp(-0.5 * (offsets / math.radians(sigma_deg)) ** 2)
    mass, known = found * across[:, None], ~np.isnan(depth)
    mass /= max(float(mass.sum()), 1e-300)
    mass[~known] = 0.0
    within = float(mass.sum())
    return Band(
        camera=camera,
        azimuth_deg=azimuth_deg,
        sigma_deg=sigma_deg,
        intervals=_intervals(mass, depth, step_m),
        hidden=float(mass[depth > HIDDEN_M].sum()) / within if within else 0.0,
        beyond=1.0 - within,
        reason=reason if within else "unknown_terrain",
        terrain=terrain,
        eye=eye,
        offsets=offsets,
        likelihood=found,
        mass=mass,
    )


def densest(mass: Array) -> Mask:
    """The fewest cells that hold ``LEVEL`` of the mass."""
    flat = mass.ravel()
    order = np.argsort(-flat, kind="stable")
    needed = int(np.searchsorted(np.cumsum(flat[order]), LEVEL * flat.sum())) + 1
    chosen = np.zeros(flat.shape, dtype=bool)
    chosen[order[:needed]] = True
    return np.asarray((chosen & (flat > 0.0)).reshape(mass.shape))


def _above_skyline(found: Array, horizon: Heights, angle: float, sigma: float) -> bool:
    """Too high for all ground that is known, and for what may lie beyond it."""
    explained = found.max() * sigma * math.sqrt(2.0 * math.pi) >= math.exp(-0.5 * UNEXPLAINED_SIGMA**2)
    return bool(not explained and math.tan(angle) > np.nanmax(horizon, initial=-math.inf))


def _intervals(mass: Array, depth: Array, step_m: float) -> tuple[Interval, ...]:
    along, under = mass.sum(axis=0), np.where(depth > HIDDEN_M, mass, 0.0).sum(axis=0)
    chosen = np.flatnonzero(densest(along))
    if not len(chosen):
        return ()
    rise = np.where(np.isnan(depth), np.inf, depth).min(axis=0)
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > LARGEST_GAP + 1) + 1)
    return tuple(
        Interval(
            near_m=float(run[0]) * step_m,
            far_m=float(run[-1] + 1) * step_m,
            probability=float(along[run].sum()),
            hidden=float(under[run].sum()),
            rise_m=float(rise[run].min()),
        )
        for run in runs
    )


def _along_arcs(ring: Array) -> Array:
    """With a point at every row that an edge passes: a straight edge of the polar grid is an arc on the ground."""
    pieces = []
    for here, there in pairwise(ring):
        parts = max(int(abs(there[1] - here[1])), 1)
        pieces.append(here + (there - here) * (np.arange(parts) / parts)[:, None])
    return np.concatenate([*pieces, ring[-1:]])


def _check(sigma_deg: float, elevation: tuple[float, float] | None, max_range_m: float) -> None:
    if not 0.0 < sigma_deg <= 20.0:
        raise InputError("more than 0 and at most 20 degrees", field="sigma_deg")
    if elevation and not (-90.0 < elevation[0] < 90.0 and 0.0 < elevation[1] <= 20.0):
        raise InputError("an angle between -90 and 90 and its sigma, more than 0 and at most 20", field="elevation")
    if not 100.0 <= max_range_m <= 200_000.0:
        raise InputError("100 m to 200 km", field="max_range_m")
