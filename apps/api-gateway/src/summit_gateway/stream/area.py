"""Areas that a stream can be narrowed to. Pure; longitude and latitude in degrees, WGS-84."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import h3.api.basic_int as h3
from summit_core.errors import InputError

Inside = Callable[[float, float], bool]
"""Whether a position (longitude, latitude) lies in the area."""
Corner = tuple[float, float]
HALF_TURN: Final = 180.0


def box(west: float, south: float, east: float, north: float) -> Inside:
    """Borders included. ``west`` greater than ``east`` crosses the antimeridian."""
    if south > north:
        raise InputError("bbox: south is north of north; send west,south,east,north", field="bbox")
    if west <= east:
        return lambda lon, lat: south <= lat <= north and west <= lon <= east
    return lambda lon, lat: south <= lat <= north and (lon >= west or lon <= east)


def polygon(corners: Iterable[Corner]) -> Inside:
    """Edges are straight in longitude and latitude and take the short way, so they may cross the antimeridian.

    Even-odd rule (Franklin, PNPOLY, 1970); a position on an edge may count either way.
    """
    ring = _unrolled(list(corners))
    west, east = min(lon for lon, _ in ring), max(lon for lon, _ in ring)
    edges = [(a, b) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True) if a[1] != b[1]]

    def inside(lon: float, lat: float) -> bool:
        lon += 360.0 * -((lon - west) // 360.0)  # into the turn of the globe that begins at the western end
        if lon > east:
            return False
        crossings = 0
        for (lon_a, lat_a), (lon_b, lat_b) in edges:
            if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a):
                crossings += 1
        return crossings % 2 == 1

    return inside


def _unrolled(corners: list[Corner]) -> list[Corner]:
    """The ring on a map without end, where no edge jumps from one side to the other."""
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if len(set(corners)) < 3:
        raise InputError("polygon: send at least three different corners", field="polygon")
    ring = [corners[0]]
    for lon, lat in [*corners[1:], corners[0]]:
        before = ring[-1][0]
        ring.append((before + (lon - before + HALF_TURN) % 360.0 - HALF_TURN, lat))
    if abs(ring.pop()[0] - ring[0][0]) > HALF_TURN:
        raise InputError("polygon: it goes round a pole; split it, or use bbox", field="polygon")
    return ring


def cells_by_resolution(names: Iterable[str]) -> dict[int, frozenset[int]]:
    """H3 cells, given as the hexadecimal text that H3 prints."""
    found: dict[int, set[int]] = defaultdict(set)
    for name in names:
        cell = _cell(name)
        found[h3.get_resolution(cell)].add(cell)
    return {resolution: frozenset(cells) for resolution, cells in found.items()}


def _cell(name: str) -> int:
    try:
        cell = int(name, 16)
    except ValueError:
        cell = 0
    if not 0 < cell < 2**63 or not h3.is_valid_cell(cell):
        raise InputError(f"h3: {name!r} is no cell; send cells such as 85283473fffffff", field="h3")
    return cell
