"""Zone: an area that matters, and presence: that an entity is inside it (``summit.zone/1``, ``summit.presence/1``)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from summit_core.model.common import Altitude, Key, Latitude, Longitude, Name, Text, Timestamp

Ring = Annotated[tuple[tuple[Longitude, Latitude], ...], Meta(min_length=4, max_length=10_000)]
"""Longitude, latitude in the order of GeoJSON (RFC 7946); the last position repeats the first."""


class Circle(Struct, frozen=True, kw_only=True):
    """All within ``radius_m`` metres of a position, along the great circle."""

    lat: Latitude
    lon: Longitude
    radius_m: Annotated[float, Meta(gt=0.0, le=1_000_000.0)]


class Span(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a zone holds: from ``start`` to ``end``; with ``daily`` only their times of day (UTC) count, on ``days``
    (0 is Monday), over midnight when the end is before the start."""

    start: Timestamp
    end: Timestamp
    daily: bool = False
    days: tuple[Annotated[int, Meta(ge=0, le=6)], ...] = ()


class Zone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An area by exactly one of ``polygon`` (outer ring, then holes) and ``circle``; for one that moves with the entity
    ``anchor`` the shape is where it lies while the anchor is at ``anchor_at`` (longitude, latitude)."""

    id: Key
    name: Name
    rule: Literal["inclusion", "exclusion"]
    created_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.zone/1"] = "summit.zone/1"
    polygon: Annotated[tuple[Ring, ...], Meta(max_length=100)] = ()
    circle: Circle | None = None
    floor_m: Altitude | None = None
    ceiling_m: Altitude | None = None
    schedule: Annotated[tuple[Span, ...], Meta(max_length=100)] = ()
    anchor: Key | None = None
    anchor_at: tuple[Longitude, Latitude] | None = None
    kinds: tuple[Name, ...] = ()
    """Kinds of entities that it watches; empty: all that move."""
    classes: tuple[Name, ...] = ()
    dwell_s: Annotated[float, Meta(gt=0.0, le=1e7)] | None = None
    """After so long inside, ``dwelt`` is said once."""
    note: Text = ""
    by: Name = ""
    causes: tuple[str, ...] = ()


class Presence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entity and one zone: each version is one crossing, so its versions are the list of them."""

    id: Key
    zone: Key
    entity: Key
    state: Literal["inside", "outside"]
    event: Literal["enter", "exit", "dwell"]
    at: Timestamp
    """When the entity was where it crossed (source clock)."""
    schema: Literal["summit.presence/1"] = "summit.presence/1"
    entered_at: Timestamp | None = None
    left_at: Timestamp | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    rule: Literal["inclusion", "exclusion"] = "inclusion"
    reason: Text = ""
    """Why, where it was not the entity that moved: the zone was changed, began, ended or moved."""
    causes: tuple[str, ...] = ()
