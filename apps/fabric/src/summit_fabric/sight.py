"""What of the record lies within the areas of whom this task works for. Row-level security has kept the organisations
apart already; areas are ours to look at, since what counts is where a thing last was (ADR 0020)."""

import msgspec
from summit_core.model import WORLD_TYPES, WorldType
from summit_core.security.acting import acting
from summit_core.security.places import bounds


class _Spot(msgspec.Struct, frozen=True):
    lat: float | None = None
    lon: float | None = None


_spot = msgspec.json.Decoder(_Spot).decode


def reaches(type_: WorldType, body: bytes | str | msgspec.Raw | None) -> bool:
    """Whether an object is there for him; one without place, or that has left, is."""
    scope = acting()
    if not scope.areas or body is None:
        return True
    return scope.reaches(bounds(msgspec.json.decode(body, type=WORLD_TYPES[type_])))


def observed(body: bytes | str | msgspec.Raw) -> bool:
    """As :func:`reaches`, of an observation."""
    scope = acting()
    return not scope.areas or scope.reaches(bounds(_spot(body)))


def in_areas() -> str:
    """The same as a condition on the column ``body``, for where rows are only counted; empty without areas."""
    lat, lon = "(body::jsonb->>'lat')::float8", "(body::jsonb->>'lon')::float8"
    tests = [f"{lat} IS NULL OR {lon} IS NULL"]
    for west, south, east, north in acting().areas:
        between = (
            f"{lon} BETWEEN {west!r} AND {east!r}" if west <= east else f"({lon} >= {west!r} OR {lon} <= {east!r})"
        )
        tests.append(f"{lat} BETWEEN {south!r} AND {north!r} AND {between}")
    return f"({' OR '.join(tests)})" if acting().areas else ""
