"""The shape of a zone: how far inside or outside a position is. Pure; degrees and metres.

An edge is straight in longitude and latitude, as RFC 7946 (section 3.1.1) has it, so whether a position is inside is
decided in degrees and exact at any size. Distances are taken in the local plane of the position: they matter only near
the boundary, and there that plane is exact. Longitudes are unwrapped along each ring, so a ring may cross the
antimeridian.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final

from summit_core.geo import LocalFrame, distance_m, wrap_longitude
from summit_core.model import Circle, Ring, Zone

EDGES_A_SLAB: Final = 4
SLABS_AT_MOST: Final = 256
NEAR_M: Final = 100_000.0
POLAR_DEG: Final = 85.0

Edge = tuple[float, float, float, float]
"""From longitude, latitude to longitude, latitude; longitudes unwrapped."""


@dataclass(frozen=True, slots=True)
class Box:
    """West and east are unwrapped: ``west <= east``, and both may lie beyond 180."""

    west: float
    south: float
    east: float
    north: float

    def unwrapped(self, lon: float) -> float:
        """The longitude, whole turns added, that is nearest to the middle of the box."""
        middle = (self.west + self.east) / 2
        return middle + wrap_longitude(lon - middle)

    def holds(self, lat: float, lon: float) -> bool:
        if not self.south <= lat <= self.north:
            return False
        west, east = self.west, self.east
        return west <= lon <= east or west <= lon + 360.0 <= east or west <= lon - 360.0 <= east

    def moved(self, start: tuple[float, float], end: tuple[float, float]) -> "Box":
        """As ``start`` goes to ``end`` (latitude, longitude), the metres between it and the sides kept."""
        here, there = LocalFrame(*start), LocalFrame(*end)
        (east, north), (new_east, new_north) = here.metres_per_degree, there.metres_per_degree
        wide, high = east / new_east, north / new_north
        lon, lat = self.unwrapped(start[1]), start[0]
        return Box(
            west=end[1] + (self.west - lon) * wide,
            south=end[0] + (self.south - lat) * high,
            east=end[1] + (self.east - lon) * wide,
            north=end[0] + (self.north - lat) * high,
        )


class Shape:
    """A polygon or a circle, less its holes. ``area_m2`` and ``depth_m`` are of the outline without the holes:
    area over perimeter, which the radius of the largest circle inside always exceeds."""

    def __init__(self, rings: Sequence[Ring], circle: Circle | None) -> None:
        outlines = [unwrap(ring) for ring in rings]
        if circle is not None:
            self.box = _box_of(circle)
        else:
            lons, lats = zip(*outlines[0], strict=True)
            self.box = Box(min(lons), min(lats), max(lons), max(lats))
        moved = [_beside(outline, self.box) for outline in outlines]
        self._circle = circle
        self._edges = [edge for outline in moved for edge in edges_of(outline)]
        self._slabs = _Slabs(self._edges) if self._edges else None
        self.area_m2, self.depth_m = _size(circle, moved)

    def signed_distance(self, lat: float, lon: float, reach_m: float) -> float:
        """Metres to the boundary, positive inside, clipped to ``±reach_m`` (finding no more than that is what makes
        it fast)."""
        nearest, inside, circle, slabs = reach_m, True, self._circle, self._slabs
        if circle is not None:
            depth = circle.radius_m - ground_distance_m(circle.lat, circle.lon, lat, lon)
            nearest, inside = min(nearest, abs(depth)), depth > 0
        if slabs is None:
            return nearest if inside else -nearest
        x = self.box.unwrapped(lon)
        is_odd, level = False, slabs.at(lat)
        for x1, y1, x2, y2 in level:  # a ray to the east; half open, so a vertex counts once
            if (y1 > lat) != (y2 > lat) and x < x1 + (lat - y1) * (x2 - x1) / (y2 - y1):
                is_odd = not is_odd
        inside = inside and not is_odd if circle is not None else is_odd
        east, north = metres_per_degree(lat)
        away_x, away_y = nearest / east, nearest / north
        west, right, south, top = x - away_x, x + away_x, lat - away_y, lat + away_y
        for edge in slabs.between(south, top):
            x1, y1, x2, y2 = edge
            if (x1 < west and x2 < west) or (x1 > right and x2 > right):
                continue
            if (y1 < south and y2 < south) or (y1 > top and y2 > top):
                continue
            nearest = min(nearest, _distance(edge, x, lat, east, north))
        return nearest if inside else -nearest


def shape_of(zone: Zone) -> Shape:
    """The shape where the zone is drawn, its anchor's movement left aside."""
    if zone.circle is not None:
        return Shape(zone.circle.holes, zone.circle)
    return Shape(zone.geometry.coordinates if zone.geometry is not None else (), None)


def ground_distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance over ground: on the ellipsoid by the plane of the middle latitude (below 0.01 % up to 100 km), farther
    away or near a pole on the sphere (within 0.6 %)."""
    if abs(lat1 - lat2) < 1.0 and max(abs(lat1), abs(lat2)) < POLAR_DEG:
        east, north = metres_per_degree((lat1 + lat2) / 2)
        distance = math.hypot(wrap_longitude(lon2 - lon1) * east, (lat2 - lat1) * north)
        if distance < NEAR_M:
            return distance
    return distance_m(lat1, lon1, lat2, lon2)


def metres_per_degree(lat: float) -> tuple[float, float]:
    """East and north, as of :class:`LocalFrame`; the same for all within 6 m of latitude, which is one in a million."""
    return _metres_per_degree(round(lat, 4))


@lru_cache(maxsize=4096)
def _metres_per_degree(lat: float) -> tuple[float, float]:
    return LocalFrame(lat, 0.0).metres_per_degree


def unwrap(ring: Ring) -> list[tuple[float, float]]:
    """The ring with longitudes that do not jump at the antimeridian: each step goes the short way."""
    points = [ring[0]]
    for lon, lat in ring[1:]:
        before = points[-1][0]
        points.append((before + wrap_longitude(lon - before), lat))
    return points


def edges_of(outline: Sequence[tuple[float, float]]) -> list[Edge]:
    return [(*a, *b) for a, b in pairwise(outline) if a != b]


class _Slabs:
    """Edges by strips of latitude, so that a position looks only at those that are level with it."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._south = min(min(edge[1], edge[3]) for edge in edges)
        north = max(max(edge[1], edge[3]) for edge in edges)
        count = min(SLABS_AT_MOST, 1 + len(edges) // EDGES_A_SLAB)
        self._height = (north - self._south) / count or 1.0
        self._slabs: list[list[Edge]] = [[] for _ in range(count)]
        for edge in edges:
            for index in range(self._index(min(edge[1], edge[3])), self._index(max(edge[1], edge[3])) + 1):
                self._slabs[index].append(edge)

    def at(self, lat: float) -> list[Edge]:
        return self._slabs[self._index(lat)]

    def between(self, south: float, north: float) -> Iterable[Edge]:
        """An edge may come more than once."""
        first, last = self._index(south), self._index(north)
        return self._slabs[first] if first == last else chain.from_iterable(self._slabs[first : last + 1])

    def _index(self, lat: float) -> int:
        return min(max(int((lat - self._south) / self._height), 0), len(self._slabs) - 1)


def _distance(edge: Edge, x: float, y: float, east: float, north: float) -> float:
    """Metres from a position to an edge, in the plane of the position."""
    ax, ay = (edge[0] - x) * east, (edge[1] - y) * north
    dx, dy = (edge[2] - edge[0]) * east, (edge[3] - edge[1]) * north
    along = -(ax * dx + ay * dy) / (dx * dx + dy * dy)
    along = 0.0 if along < 0.0 else min(along, 1.0)
    return math.hypot(ax + along * dx, ay + along * dy)


def _box_of(circle: Circle) -> Box:
    """All around the earth when it reaches a pole."""
    reach = math.degrees(circle.radius_m / 6_330_000.0)  # less than any radius of curvature: the box is never too small
    south, north = circle.lat - reach, circle.lat + reach
    if south <= -90.0 or north >= 90.0:
        return Box(circle.lon - 180.0, max(south, -90.0), circle.lon + 180.0, min(north, 90.0))
    sideways = math.degrees(math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(circle.lat)))))
    return Box(circle.lon - sideways, south, circle.lon + sideways, north)


def _beside(outline: list[tuple[float, float]], box: Box) -> list[tuple[float, float]]:
    """The outline, whole turns added, where the box is."""
    turn = box.unwrapped(outline[0][0]) - outline[0][0]
    return [(lon + turn, lat) for lon, lat in outline]


def _size(circle: Circle | None, outlines: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, float]:
    area = perimeter = 0.0
    if circle is not None:
        area, perimeter = math.pi * circle.radius_m**2, 2 * math.pi * circle.radius_m
    for number, outline in enumerate(outlines):
        east, north = LocalFrame(sum(lat for _, lat in outline) / len(outline), 0.0).metres_per_degree
        x0, y0 = outline[0]
        points = [((x - x0) * east, (y - y0) * north) for x, y in outline]
        pairs = list(pairwise(points))
        own = abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2
        area += own if number == 0 and circle is None else -own
        perimeter += sum(math.dist(a, b) for a, b in pairs)
    return area, max(area, 0.0) / perimeter if perimeter else 0.0
