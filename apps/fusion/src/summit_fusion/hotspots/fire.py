"""A fire as satellites see it: its spots, outline, radiative power, and how it grew from pass to pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from summit_core.ids import derived_id

from summit_fusion.hotspots.cluster import METRES_PER_DEGREE
from summit_fusion.hotspots.outline import CELL_M, Ring, area_ha, covered, rings, signed_area
from summit_fusion.hotspots.rows import Hotspots, when

SAME_PASS_S: Final = 1200.0
"""Rows of one overpass carry times minutes apart; two satellites come at least 50 minutes apart."""


@dataclass(frozen=True, slots=True)
class Growth:
    """After one pass: ground covered so far, and power of that pass alone (not a number where it is not given)."""

    at: datetime
    spots: int
    area_ha: float
    frp_mw: float


Polygon = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """Cells that the footprints cover, on a map of the fire's own: true to scale around ``lat, lon``, where
    ``metres_per_degree`` is that of longitude."""

    cells: frozenset[tuple[int, int]]
    lat: float
    lon: float
    metres_per_degree: float

    def polygons(self) -> tuple[Polygon, ...]:
        """(outer ring, holes…) of longitude, latitude, as in GeoJSON (RFC 7946)."""
        return _polygons(self)


@dataclass(frozen=True, slots=True)
class Fire:
    """``confidence`` is that at least one spot is a fire, taken as independent. ``rate_ha_h``: area gained an hour over
    the last pass."""

    id: str
    lat: float
    lon: float
    first_at: datetime
    last_at: datetime
    spots: int
    area_ha: float
    frp_mw: float
    confidence: float
    rate_ha_h: float | None
    growth: tuple[Growth, ...]
    ground: Ground
    satellites: tuple[str, ...]


def fires_of(spots: Hotspots, numbers: NDArray[np.int64]) -> Iterator[Fire]:
    """The fires, in the order of their numbers."""
    order = np.lexsort((spots.at, numbers))
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    for rows in np.split(order, cuts) if len(order) else []:
        yield _fire(spots, rows)


def _fire(spots: Hotspots, rows: NDArray[np.int64]) -> Fire:
    at, frp = spots.at[rows], spots.frp_mw[rows]
    origin_lat, origin_lon = float(spots.lat[rows[0]]), float(spots.lon[rows[0]])
    scale = METRES_PER_DEGREE * float(np.cos(np.radians(origin_lat)))
    x, y = (spots.lon[rows] - origin_lon) * scale, (spots.lat[rows] - origin_lat) * METRES_PER_DEGREE
    growth: list[Growth] = []
    cells: set[tuple[int, int]] = set()
    passes = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(at) > SAME_PASS_S) + 1)
    for members in passes:
        half = spots.scan_m[rows[members]] / 2.0, spots.track_m[rows[members]] / 2.0
        cells |= covered(x[members], y[members], *half)
        power = float(np.nansum(frp[members])) if not np.isnan(frp[members]).all() else float("nan")
        growth.append(Growth(when(float(at[members[-1]])), len(members), round(area_ha(cells), 1), power))
    weight = np.where(np.isnan(frp), 1.0, np.maximum(frp, 0.1))
    return Fire(
        id=f"fire-{derived_id(when(float(at[0])), 'firms', f'{origin_lat:.5f},{origin_lon:.5f}')}",
        lat=round(origin_lat + float(np.average(y, weights=weight)) / METRES_PER_DEGREE, 6),
        lon=round(origin_lon + float(np.average(x, weights=weight)) / scale, 6),
        first_at=when(float(at[0])),
        last_at=when(float(at[-1])),
        spots=len(rows),
        area_ha=growth[-1].area_ha,
        frp_mw=growth[-1].frp_mw,
        confidence=round(float(1.0 - np.prod(1.0 - spots.confidence[rows])), 4),
        rate_ha_h=_rate(growth),
        growth=tuple(growth),
        ground=Ground(frozenset(cells), origin_lat, origin_lon, scale),
        satellites=tuple(sorted({spots.satellite[row] for row in rows} - {""})),
    )


def _rate(growth: list[Growth]) -> float | None:
    if len(growth) < 2:
        return None
    before, last = growth[-2:]
    return round((last.area_ha - before.area_ha) / ((last.at - before.at).total_seconds() / 3600.0), 2)


def _polygons(ground: Ground) -> tuple[Polygon, ...]:
    """Each outer ring with the holes that lie in it."""
    found = rings(set(ground.cells))
    polygons: list[list[Ring]] = [[ring] for ring in found if signed_area(ring) > 0]
    for hole in (ring for ring in found if signed_area(ring) < 0):
        around = [polygon for polygon in polygons if _contains(polygon[0], _beside(hole))]
        min(around, key=lambda polygon: signed_area(polygon[0])).append(hole)

    def placed(ring: Ring) -> tuple[tuple[float, float], ...]:
        return tuple(
            (round(ground.lon + x / ground.metres_per_degree, 6), round(ground.lat + y / METRES_PER_DEGREE, 6))
            for x, y in ring
        )

    return tuple(tuple(placed(ring) for ring in polygon) for polygon in polygons)


def _beside(hole: Ring) -> tuple[float, float]:
    """A place in the hole: half a cell to the right of its first side, where the ground ends."""
    (x1, y1), (x2, y2) = hole[:2]
    length = abs(x2 - x1) + abs(y2 - y1)
    along = (x2 - x1) / length * CELL_M / 2.0, (y2 - y1) / length * CELL_M / 2.0
    return x1 + along[0] + along[1], y1 + along[1] - along[0]


def _contains(ring: Ring, place: tuple[float, float]) -> bool:
    """Even-odd rule; ``place`` is the middle of a cell, so never on the border."""
    x, y = place
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside
