"""Zones as GeoJSON (RFC 7946), where they lie now."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from summit_core.bus import Change, Picture
from summit_core.geo import LocalFrame, destination
from summit_core.model import Circle, Entity, Location, Zone

CORNERS: Final = 64
"""A circle is drawn as a polygon; its sides lie at most 0.13 % of the radius inside."""
Outline = list[tuple[float, float]]


def zones_geojson(picture: Picture, changes: Iterable[Change]) -> bytes:
    """A FeatureCollection; the properties of a feature are the whole zone."""
    features = []
    for change in changes:
        zone = msgspec.json.decode(change.event.body, type=Zone)
        features.append(
            {"type": "Feature", "id": zone.id, "geometry": _geometry(picture, zone), "properties": change.event.body}
        )
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _geometry(picture: Picture, zone: Zone) -> dict[str, Any] | None:
    """Nothing for a zone whose anchor is nowhere: it lies nowhere."""
    drawn = [list(ring) for ring in zone.geometry.coordinates] if zone.geometry else []
    if zone.circle is not None:
        drawn = [_around(zone.circle), *map(list, zone.circle.holes)]
    if zone.anchor is not None and zone.anchor_at is not None:
        found = picture.get("entities", zone.anchor, Entity)
        if found is None or found[0].location is None:
            return None
        drawn = [_moved(ring, zone.anchor_at, found[0].location) for ring in drawn]
    return {"type": "Polygon", "coordinates": drawn}


def _around(circle: Circle) -> Outline:
    """Counterclockwise, as an outer ring should be."""
    bearings = (-360.0 * number / CORNERS for number in range(CORNERS))
    corners = [destination(circle.lat, circle.lon, bearing, circle.radius_m)[::-1] for bearing in bearings]
    return [*corners, corners[0]]


def _moved(ring: Outline, start: tuple[float, float], end: Location) -> Outline:
    """As ``start`` (longitude, latitude) goes to ``end``, the metres between them kept."""
    here, there = LocalFrame(start[1], start[0]), LocalFrame(end.lat, end.lon)
    return [there.to_geodetic(*here.to_enu(lat, lon))[::-1] for lon, lat in ring]
