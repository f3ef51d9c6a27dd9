"""Zone: an area that matters, and presence: that an entity is inside it (``summit.zone/1``, ``summit.presence/1``)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from summit_core.model.common import Altitude, Key, Latitude, Longitude, Name, Organisation, Text, Timestamp
from summit_core.model.entity import EntityKind

Ring = Annotated[tuple[tuple[Longitude, Latitude], ...], Meta(min_length=4, max_length=10_000)]
"""Longitude, latitude in the order of GeoJSON (RFC 7946); the last position repeats the first. Either winding."""
Rings = Annotated[tuple[Ring, ...], Meta(max_length=100)]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="hh:mm, UTC")]
ZoneRule = Literal["inclusion", "exclusion"]
PresenceReason = Literal["began", "ended", "changed", "moved", "removed", "gone"]


class Polygon(Struct, frozen=True, kw_only=True, tag_field="type", tag="Polygon"):
    """A GeoJSON geometry: the outer ring, then holes. An edge is straight in longitude and latitude, at most 180
    degrees long, and may cross the antimeridian."""

    coordinates: Annotated[Rings, Meta(min_length=1)]


class Circle(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All within ``radius_m`` metres of a position, over a pole too; less the ``holes``."""

    lat: Latitude
    lon: Longitude
    radius_m: Annotated[float, Meta(ge=1.0, le=1_000_000.0)]
    holes: Rings = ()


class Daily(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From ``begins`` to ``ends``, over midnight when ``ends`` is not after ``begins``. ``days`` (0 is Monday; empty:
    all) are those on which it begins."""

    begins: TimeOfDay
    ends: TimeOfDay
    days: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(max_length=7)] = ()


class Span(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a zone holds: from ``start`` to just before ``end``, each without bound where left out; with ``daily`` only
    within its hours."""

    start: Timestamp | None = None
    end: Timestamp | None = None
    daily: Daily | None = None


class ZoneDraft(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What people say of a zone: exactly one of ``geometry`` and ``circle``. Of one that moves with the entity
    ``anchor`` this is where it lies while the anchor is at ``anchor_at`` (longitude, latitude); left out: where that is
    now."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    rule: ZoneRule
    geometry: Polygon | None = None
    circle: Circle | None = None
    floor_m: Altitude | None = None
    ceiling_m: Altitude | None = None
    schedule: Annotated[tuple[Span, ...], Meta(max_length=100)] = ()
    """It holds while one of them does; empty: always."""
    anchor: Key | None = None
    anchor_at: tuple[Longitude, Latitude] | None = None
    kinds: tuple[EntityKind, ...] = ()
    """Kinds of entities that it watches; empty: asset, track, person, hazard."""
    classes: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    """Classes that it watches; empty: all."""
    dwell_s: Annotated[float, Meta(gt=0.0, le=1e7)] | None = None
    """After so long inside, ``dwell`` is said once."""
    note: Text = ""


class Zone(ZoneDraft, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=False):
    """A zone as it holds. ``by`` is who wrote this version."""

    id: Key
    created_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.zone/1"] = "summit.zone/1"
    by: Name = ""
    organisation: Organisation = None


class Presence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entity and one zone: each version is one crossing (or one dwelling), so its versions are the list of them."""

    id: Key
    zone: Key
    entity: Key
    state: Literal["inside", "outside"]
    event: Literal["enter", "exit", "dwell"]
    at: Timestamp
    """When the entity was where it crossed (source clock); with a ``reason``, when that came about (our clock)."""
    judged: int
    """Place in the world stream up to which this pair has been judged: what is older is not judged again."""
    schema: Literal["summit.presence/1"] = "summit.presence/1"
    entered_at: Timestamp | None = None
    left_at: Timestamp | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    alt_m: Altitude | None = None
    rule: ZoneRule = "inclusion"
    reason: PresenceReason | None = None
    """Why, where it was not the entity that moved. The zone ``began``, ``ended``, was ``changed``, ``moved`` with its
    anchor or was ``removed``; the entity is ``gone``: expired, or out of the picture."""
    recording: Key | None = None
    organisation: Organisation = None
    causes: tuple[str, ...] = ()
