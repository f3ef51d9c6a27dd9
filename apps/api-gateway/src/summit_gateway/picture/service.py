"""Lists and single objects of the mirror: filtered, sorted by key, as the bytes that were stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw, Struct
from summit_core.bus import Change, Mirror
from summit_core.errors import NotFoundError
from summit_core.model import WORLD_TYPES, Location, WorldType

MAX_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """``next`` is the key to go on after, or None at the end."""

    changes: list[Change]
    next: str | None
    seq: int


def page(mirror: Mirror, type_: WorldType, filters: dict[str, str], *, limit: int, cursor: str | None) -> Page:
    """Objects whose fields have the wanted values, in the order of their keys."""
    after = cursor or ""
    found: list[Change] = []
    for key, change in sorted(mirror.changes(type_).items()):
        if key > after and _matches(mirror, type_, key, filters):
            if len(found) == limit:
                return Page(found, found[-1].event.key, mirror.seq)
            found.append(change)
    return Page(found, None, mirror.seq)


def one(mirror: Mirror, type_: WorldType, key: str, filters: dict[str, str]) -> Change:
    """Raises :class:`NotFoundError`."""
    change = mirror.changes(type_).get(key)
    if change is None or not _matches(mirror, type_, key, filters):
        raise NotFoundError(f"nothing called {key} among the {type_} of the present picture")
    return change


def _matches(mirror: Mirror, type_: WorldType, key: str, filters: dict[str, str]) -> bool:
    if not filters:
        return True
    known = mirror.get(type_, key, WORLD_TYPES[type_])
    return known is not None and all(getattr(known[0], name) == value for name, value in filters.items())


class _Located(Struct):
    location: Location | None = None


def geojson(changes: Iterable[Change]) -> bytes:
    """A FeatureCollection (RFC 7946); the properties of a feature are the whole object."""
    features = [
        {
            "type": "Feature",
            "id": change.event.key,
            "geometry": _geometry(change.event.body),
            "properties": change.event.body,
        }
        for change in changes
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _geometry(body: Raw) -> dict[str, object] | None:
    location = msgspec.json.decode(body, type=_Located).location
    if location is None:
        return None
    height = [] if location.alt_m is None else [location.alt_m]
    return {"type": "Point", "coordinates": [location.lon, location.lat, *height]}
