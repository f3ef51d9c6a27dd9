"""An area of the map: a box or a polygon in degrees. Pure."""

from typing import Final, NamedTuple

import h3.api.basic_int as h3
from summit_core.errors import InputError
from summit_core.geo import H3_RESOLUTION

CELLS_AT_MOST: Final = 2000
MARGIN_DEG: Final = 1e-4
"""A line or a point has no area, and of shapes thinner than ten metres H3's cover misses a cell now and then."""
POSITIONS_AT_MOST: Final = 1000
Position = tuple[float, float]
"""Longitude, latitude, in the order of GeoJSON."""


class Box(NamedTuple):
    """``west > east`` crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def halves(self) -> tuple["Box", ...]:
        """Boxes that do not cross it."""
        if self.west <= self.east:
            return (self,)
        return self._replace(east=180.0), self._replace(west=-180.0)

    def holds(self, lat: float, lon: float) -> bool:
        return any(b.west <= lon <= b.east and b.south <= lat <= b.north for b in self.halves())


class Area(NamedTuple):
    """Everything in the box, and with a ring only what is in that too. A ring does not cross the antimeridian."""

    box: Box
    ring: tuple[Position, ...] = ()

    def holds(self, lat: float, lon: float) -> bool:
        return self.box.holds(lat, lon) and (not self.ring or _in_ring(self.ring, lat, lon))

    def cells(self) -> list[int] | None:
        """The H3 cells that touch the area; None when they are too many to be a help."""
        degrees = sum((box.east - box.west) * (box.north - box.south) for box in self.box.halves())
        if degrees > 20.0 or max(abs(self.box.south), abs(self.box.north)) > 80.0:
            return None
        found: set[int] = set()
        for box in self.box.halves():
            shape = h3.LatLngPoly(_around(box))
            found.update(h3.h3shape_to_cells_experimental(shape, H3_RESOLUTION, contain="overlap"))
        return sorted(found) if len(found) <= CELLS_AT_MOST else None


def read(bbox: str | None, polygon: str | None) -> Area | None:
    """``west,south,east,north``, or ``lon,lat lon,lat lon,lat …``. Raises :class:`InputError`."""
    if bbox is not None and polygon is not None:
        raise InputError("bbox: send either bbox or polygon", field="bbox")
    if bbox is not None:
        return Area(_box(bbox))
    return None if polygon is None else _polygon(polygon)


def _box(text: str) -> Box:
    numbers = _numbers(text, "bbox")
    if len(numbers) != 4 or numbers[1] > numbers[3]:
        raise InputError("bbox: send west,south,east,north in degrees, south not above north", field="bbox")
    box = Box(*numbers)
    _check((box.west, box.south), "bbox")
    _check((box.east, box.north), "bbox")
    return box


def _polygon(text: str) -> Area:
    ring = []
    for pair in text.split():
        numbers = _numbers(pair, "polygon")
        if len(numbers) != 2:
            raise InputError("polygon: send positions as lon,lat with spaces between them", field="polygon")
        ring.append((numbers[0], numbers[1]))
        _check(ring[-1], "polygon")
    if not 3 <= len(ring) <= POSITIONS_AT_MOST:
        raise InputError(f"polygon: send 3 to {POSITIONS_AT_MOST} positions", field="polygon")
    lons, lats = zip(*ring, strict=True)
    return Area(Box(min(lons), min(lats), max(lons), max(lats)), tuple(ring))


def _numbers(text: str, field: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{field}: {text[:40]!r} is not numbers with commas between them", field=field) from None


def _check(position: Position, field: str) -> None:
    lon, lat = position
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise InputError(f"{field}: {lon},{lat} is no longitude,latitude in degrees", field=field)


def _in_ring(ring: tuple[Position, ...], lat: float, lon: float) -> bool:
    """Whether a ray to the east crosses the ring an odd number of times."""
    inside = False
    for (lon1, lat1), (lon2, lat2) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if (lat1 > lat) != (lat2 > lat) and lon < lon1 + (lat - lat1) / (lat2 - lat1) * (lon2 - lon1):
            inside = not inside
    return inside


def _around(box: Box) -> list[tuple[float, float]]:
    """The corners of a slightly larger box, (latitude, longitude). It never crosses the meridian of 180 degrees, which
    is another place to H3 from the west than from the east."""
    south, north = box.south - MARGIN_DEG, box.north + MARGIN_DEG
    west, east = max(-180.0, box.west - MARGIN_DEG), min(180.0, box.east + MARGIN_DEG)
    return [(south, west), (south, east), (north, east), (north, west)]
