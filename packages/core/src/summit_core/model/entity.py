"""Entity: what we believe exists (wire schema ``summit.entity/1``). A small core and optional components."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from summit_core.model.common import (
    Altitude,
    Azimuth,
    Climb,
    Confidence,
    Key,
    Latitude,
    Longitude,
    Matrix2,
    Name,
    Organisation,
    Speed,
    Text,
    TimelineEntry,
    Timestamp,
)

EntityKind = Literal["asset", "track", "sensor", "place", "zone", "hazard", "person", "structure"]
Freshness = Literal["live", "stale", "expired", "lost"]
"""``live``: heard in time; ``stale``: late; ``lost``: silent too long; ``expired``: ended by its time to live."""


class Location(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position with its uncertainty; ``cov_m2`` is local east-north, square metres, one sigma squared."""

    lat: Latitude
    lon: Longitude
    alt_m: Altitude | None = None
    cov_m2: Matrix2 | None = None


class Kinematics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Motion over ground. ``cov`` is the 4 x 4 state covariance (east, north, v-east, v-north) row by row."""

    speed_mps: Speed | None = None
    course_deg: Azimuth | None = None
    climb_mps: Climb | None = None
    velocity_enu_mps: tuple[float, float] | None = None
    state_cov: tuple[float, ...] | None = None


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an asset says of itself and what we know of its link."""

    battery: Confidence | None = None
    endurance_s: float | None = None
    cruise_mps: Speed | None = None
    activity: Text | None = None


class SightRange(Struct, frozen=True, kw_only=True):
    """A stretch of a camera's line of sight over the ground where what it sees may stand: metres from the camera."""

    near_m: float
    far_m: float
    probability: Confidence
    hidden: Confidence
    """The part of ``probability`` on ground that the camera does not see."""
    rise_m: float
    """How far smoke must have risen there, at least, to be seen."""


class BearingEvidence(Struct, frozen=True, kw_only=True):
    """One bearing that a fix was made from, or left out of (``used`` false: an outlier)."""

    observation: str
    source: Key
    lat: Latitude
    lon: Longitude
    azimuth_deg: Azimuth
    sigma_deg: float
    observed_at: Timestamp
    used: bool = True
    residual_sigma: float | None = None
    """Bearing minus predicted azimuth, in standard deviations."""
    state: Name | None = None
    """Of what the camera sees there: candidate, tentative, confirmed, fading or ended."""
    reason: Text = ""
    """Why it is in that state."""
    bias_deg: float | None = None
    """Subtracted from what the camera measured; ``azimuth_deg`` is the result, ``sigma_deg`` holds its uncertainty."""
    bias_sigma_deg: float | None = None
    bias_note: Text = ""
    ranges: tuple[SightRange, ...] = ()
    """Of a thing that one camera alone sees, over known ground: together they hold 95 % of the probability."""
    terrain: Name | None = None
    """Why the ground says less: ``above_skyline`` (the elevation angle was left out), ``unknown_terrain``."""


class Hypothesis(Struct, frozen=True, kw_only=True):
    """One place that an ambiguous set of bearings allows."""

    lat: Latitude
    lon: Longitude
    cov_m2: Matrix2
    weight: Confidence


class Contribution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one source has given to a track: how often, what last, and how surely that was of this track."""

    source: Key
    updates: Annotated[int, Meta(ge=0)]
    observation: str
    observed_at: Timestamp
    probability: Confidence
    """That the last observation is of this track, and neither of another one nor false."""
    class_: Name | None = field(default=None, name="class")
    """What the source last said that it is."""


class Growth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fire after one pass of a satellite: ground covered so far, and spots and power of that pass alone."""

    at: Timestamp
    spots: Annotated[int, Meta(ge=1)]
    area_ha: float
    frp_mw: float | None = None


class Perimeter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Outline of a hazard on the ground. ``polygons`` are the coordinates of a GeoJSON MultiPolygon (RFC 7946)."""

    polygons: tuple[tuple[tuple[tuple[Longitude, Latitude], ...], ...], ...]
    area_ha: float
    rate_ha_h: float | None = None
    """Area gained an hour over the last pass."""
    growth: tuple[Growth, ...] = ()


class Alias(Struct, frozen=True, kw_only=True):
    """Another name of the same thing, in a scheme such as ``icao``, ``mmsi``, ``callsign`` or ``cad``."""

    scheme: Key
    value: Name


class Relation(Struct, frozen=True, kw_only=True):
    """This entity ``kind`` that one: ``part_of``, ``carried_by``, ``assigned_to``, ``observed_by``, ``near``…"""

    kind: Key
    to: Key


class Overridden(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field whose value is an operator's: who, when, why, and what the automatics say instead."""

    by: Name
    at: Timestamp
    reason: Text = ""
    automatic: Any = None


class Ignored(Struct, frozen=True, kw_only=True):
    """The last report that did not change the entity, and why."""

    id: str
    """Of the observation; it is recorded all the same."""
    observed_at: Timestamp
    at: Timestamp
    reason: Text


class Entity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Three clocks: ``observed_at`` (source clock of the last information), ``heard_at`` (ours), ``updated_at`` (ours,
    when this version was written). ``owner`` is the service that writes it."""

    id: Key
    kind: EntityKind
    owner: Name
    observed_at: Timestamp
    heard_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.entity/1"] = "summit.entity/1"
    label: Name = ""
    class_: Name | None = field(default=None, name="class")
    freshness: Freshness = "live"
    expires_at: Timestamp | None = None
    location: Location | None = None
    kinematics: Kinematics | None = None
    health: Health | None = None
    existence: Confidence | None = None
    classes: dict[str, float] = {}
    sources: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    disputed: bool = False
    """Something else, too far away to be the same thing, tells one of its identities: a mistake, or spoofed."""
    capabilities: tuple[str, ...] = ()
    home: tuple[Latitude, Longitude] | None = None
    task: Key | None = None
    bearings: tuple[BearingEvidence, ...] = ()
    ambiguous: bool = False
    ambiguity: Text | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    """Of a track: the sources it rests on, the latest first."""
    perimeter: Perimeter | None = None
    labels: tuple[Name, ...] = ()
    aliases: tuple[Alias, ...] = ()
    relations: tuple[Relation, ...] = ()
    note: Text = ""
    overridden: dict[str, Overridden] = {}
    """By field name; written by nobody, laid over the entity where it is read."""
    merged: tuple[str, ...] = ()
    """Entities that an operator has declared to be this one; like ``overridden`` laid over it where it is read."""
    ignored: Ignored | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    """What people have done to an entity of their own: who, when, why."""
    updates: Annotated[int, Meta(ge=0)] = 0
    recording: Key | None = None
    organisation: Organisation = None
    causes: tuple[str, ...] = ()


class EntityDraft(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What people say of an entity of their own. It stays until it is taken out, or until ``expires_at``."""

    kind: Literal["asset", "sensor", "place", "hazard", "person", "structure"]
    label: Name = ""
    class_: Name | None = field(default=None, name="class")
    location: Location | None = None
    labels: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    aliases: Annotated[tuple[Alias, ...], Meta(max_length=100)] = ()
    relations: Annotated[tuple[Relation, ...], Meta(max_length=100)] = ()
    note: Text = ""
    observed_at: Timestamp | None = None
    """When it was so; left out: now."""
    expires_at: Timestamp | None = None
    reason: Text = ""
    """Why it is said; kept in the timeline."""
