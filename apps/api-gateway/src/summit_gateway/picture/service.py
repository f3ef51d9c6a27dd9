"""Lists and single objects of the mirror: filtered, sorted by key, as the bytes that were stored."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw, Struct
from summit_core.bus import Change, Picture
from summit_core.errors import NotFoundError
from summit_core.http.keyset import cursor_behind, key_behind
from summit_core.model import WORLD_TYPES, Entity, Location, WorldType
from summit_core.security.decision import Scope, Thing

from summit_gateway.picture.filters import Test
from summit_gateway.picture.sight import seen_by

MAX_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """``next`` is the cursor of the page behind, or None at the end."""

    changes: list[Change]
    next: str | None


class Related(Struct, frozen=True, rename={"from_": "from"}):
    """``from_`` ``kind`` ``to``, as the first of them says."""

    kind: str
    from_: str
    to: str


def page(
    picture: Picture, scope: Scope, type_: WorldType, tests: Sequence[Test], *, limit: int, cursor: str | None
) -> Page:
    """Objects in sight that pass all tests, in the order of their keys."""
    keys, changes, seen = picture.keys(type_), picture.changes(type_), seen_by(scope, picture)
    found: list[Change] = []
    for key in keys[bisect_right(keys, key_behind(type_, cursor)) :]:
        change = changes[key]
        if seen(change) and _passes(picture, type_, key, tests):
            if len(found) == limit:
                return Page(found, cursor_behind(type_, found[-1].event.key))
            found.append(change)
    return Page(found, None)


def one(picture: Picture, scope: Scope, type_: WorldType, key: str, tests: Sequence[Test]) -> Change:
    """An object; for an entity that is merged into another one, that one. Raises :class:`NotFoundError`."""
    found = picture.survivor(key) if type_ == "entities" else key
    change = picture.changes(type_).get(found)
    if change is None or not seen_by(scope, picture)(change) or not _passes(picture, type_, found, tests):
        raise NotFoundError(f"nothing called {key} among the {type_} of the present picture")
    return change


def relations(picture: Picture, scope: Scope, key: str) -> list[Related]:
    """What an entity says of others, and what others say of it, by whatever name of it that is merged."""
    entity = one(picture, scope, "entities", key, ()).event.key
    known = picture.get("entities", entity, Entity)
    names = {entity, *(known[0].merged if known else ())}
    return [
        Related(relation.kind, other.id, relation.to)
        for other in picture.all("entities", Entity)
        for relation in other.relations
        if (other.id == entity or relation.to in names) and scope.holds(Thing.of(other))
    ]


def _passes(picture: Picture, type_: WorldType, key: str, tests: Sequence[Test]) -> bool:
    if not tests:
        return True
    known = picture.get(type_, key, WORLD_TYPES[type_])
    return known is not None and all(test(known[0]) for test in tests)


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
