"""Where a thing is, as far as areas go: its bounds in degrees, or None for what has no place. Pure."""

import math
from collections.abc import Iterable
from functools import singledispatch

from summit_core.geo import MEAN_RADIUS_M, wrap_longitude
from summit_core.model import Circle, Zone
from summit_core.model.common import Box


@singledispatch
def bounds(thing: object) -> Box | None:
    """Of anything that has a ``location``, a ``target``, or ``lat`` and ``lon``: that point."""
    located = getattr(thing, "location", None) or getattr(thing, "target", None) or thing
    lat, lon = getattr(located, "lat", None), getattr(located, "lon", None)
    return None if lat is None or lon is None else (lon, lat, lon, lat)


@bounds.register
def _zone(zone: Zone) -> Box | None:
    """As it was drawn; one that moves with an entity is judged by where it was drawn, too."""
    if zone.circle is not None:
        return _around(zone.circle)
    return None if zone.geometry is None else _hull(zone.geometry.coordinates[0])


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a point, borders included."""
    (west, south, east, north), (w, s, e, n) = one, other
    return south <= n and s <= north and (_between(w, west, east) or _between(west, w, e))


def within(inner: Box, outer: Box) -> bool:
    """Whether all of ``inner`` lies in ``outer``, borders included."""
    (w, s, e, n), (west, south, east, north) = inner, outer
    if not (south <= s and n <= north and _between(w, west, east) and _between(e, west, east)):
        return False
    return _span(w, e) <= _span(west, east)  # else it goes round the other way


def _between(lon: float, west: float, east: float) -> bool:
    return west <= lon <= east if west <= east else lon >= west or lon <= east


def _span(west: float, east: float) -> float:
    return east - west if west <= east else east - west + 360.0


def _around(circle: Circle) -> Box:
    """The bounding box of a circle on a sphere; one over a pole has all longitudes."""
    reach, lat = circle.radius_m / MEAN_RADIUS_M, math.radians(circle.lat)
    south, north = max(-90.0, math.degrees(lat - reach)), min(90.0, math.degrees(lat + reach))
    if abs(lat) + reach >= math.pi / 2:
        return -180.0, south, 180.0, north
    east = math.degrees(math.asin(math.sin(reach) / math.cos(lat)))
    return wrap_longitude(circle.lon - east), south, wrap_longitude(circle.lon + east), north


def _hull(ring: Iterable[tuple[float, float]]) -> Box:
    """Edges take the short way, so a ring may cross the antimeridian."""
    lons: list[float] = []
    lats: list[float] = []
    for lon, lat in ring:
        before = lons[-1] if lons else lon
        lons.append(before + wrap_longitude(lon - before))
        lats.append(lat)
    west, east = (lon if -180.0 <= lon <= 180.0 else wrap_longitude(lon) for lon in (min(lons), max(lons)))
    return west, min(lats), east, max(lats)
