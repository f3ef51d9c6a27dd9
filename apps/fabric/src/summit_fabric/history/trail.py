"""The trail of an entity: where it was, one point a version, thinned in even steps. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from summit_core import geo
from summit_core.model import Freshness, Kinematics, Location, Trail, TrailPoint
from summit_core.model.common import Timestamp

from summit_fabric.history.version import Version


class _Moved(Struct, frozen=True):
    observed_at: Timestamp
    location: Location | None = None
    kinematics: Kinematics | None = None
    freshness: Freshness = "live"


_moved = msgspec.json.Decoder(_Moved).decode


def points_of(versions: Iterable[Version]) -> list[TrailPoint]:
    """A point for each version that says where it was."""
    return [point for version in versions if (point := point_of(version)) is not None]


def point_of(version: Version) -> TrailPoint | None:
    if version.body is None:
        return None
    said = _moved(version.body)
    if said.location is None:
        return None
    where, moving = said.location, said.kinematics or Kinematics()
    return TrailPoint(
        at=said.observed_at,
        stored_at=version.stored_at,
        seq=version.seq,
        lat=where.lat,
        lon=where.lon,
        freshness=said.freshness,
        alt_m=where.alt_m,
        speed_mps=moving.speed_mps,
        course_deg=moving.course_deg,
        radius_m=None if where.cov_m2 is None else round(geo.ellipse(where.cov_m2)[0], 2),
    )


def thinned(points: Sequence[TrailPoint], since: datetime, every_s: float) -> list[TrailPoint]:
    """The first point in each step of ``every_s`` seconds from ``since`` (by the time at which it was stored)."""
    if every_s <= 0:
        return list(points)
    first: dict[int, TrailPoint] = {}
    for point in points:
        first.setdefault(int((point.stored_at - since).total_seconds() // every_s), point)
    return list(first.values())


def as_geojson(trail: Trail) -> dict[str, Any]:
    """A Feature (RFC 7946): the line, and beside it the time of each of its positions."""
    places = [[one.lon, one.lat, *([] if one.alt_m is None else [one.alt_m])] for one in trail.points]
    geometry: dict[str, Any] | None = None
    if places:
        one = len(places) == 1
        geometry = {"type": "Point" if one else "LineString", "coordinates": places[0] if one else places}
    properties = {"since": trail.since, "until": trail.until, "every_s": trail.every_s}
    lists = {
        name: [getattr(point, part) for point in trail.points]
        for name, part in (("times", "at"), ("radii_m", "radius_m"), ("speeds_mps", "speed_mps"))
    }
    return {"type": "Feature", "id": trail.id, "geometry": geometry, "properties": properties | lists}
