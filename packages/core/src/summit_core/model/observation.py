"""Observation: one statement by one source about the world at one time (wire schema ``summit.observation/1``).

The seven kinds are one tagged union, so a decoder refuses an unknown kind and names every wrong field by its path.
"""

from typing import Annotated, Literal

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
    Sigma,
    Speed,
    Text,
    Timestamp,
    WireKey,
    WireUuid,
)

AltitudeReference = Literal["ellipsoid", "msl", "agl"]
Pixel = Annotated[float, Meta(ge=0.0, le=1.0)]


class Observation(Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="kind", gc=False):
    """The envelope that every kind carries. It cannot be part of a cycle, and thousands a second are not looked at by
    the garbage collector.

    ``id`` is the idempotency key: the same id sent twice is stored once. ``seq`` counts the source's own messages, so
    that gaps are visible. ``recording`` names the recording of a replayed observation; live ones have none.
    ``organisation`` is that of the credential, whatever a producer says.
    """

    source: WireKey
    observed_at: Timestamp
    id: WireUuid | None = None
    schema: Literal["summit.observation/1"] = "summit.observation/1"
    seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    received_at: Timestamp | None = None
    trace: Annotated[str, Meta(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None
    causes: Annotated[tuple[Key, ...], Meta(max_length=64)] = ()
    recording: Key | None = None
    organisation: Organisation = None
    label: Name | None = None
    class_: Annotated[str, Meta(pattern=r"^[a-z0-9_\-]{1,40}$")] | None = field(default=None, name="class")


class Position(Observation, kw_only=True, frozen=True, tag="position"):
    """Where something is: GPS, ADS-B, AIS, radar. ``cov_m2`` wins over ``sigma_m`` where both are given."""

    lat: Latitude
    lon: Longitude
    alt_m: Altitude | None = None
    alt_ref: AltitudeReference = "ellipsoid"
    sigma_m: Sigma | None = None
    cov_m2: Matrix2 | None = None
    course_deg: Azimuth | None = None
    speed_mps: Speed | None = None
    climb_mps: Climb | None = None
    identity: Key | None = None
    """A cooperative identity such as ``icao:ab12cd`` or ``mmsi:235012345``; absent for radar and lidar."""


class Bearing(Observation, kw_only=True, frozen=True, tag="bearing"):
    """A direction in which a sensor at ``lat, lon`` sees something."""

    lat: Latitude
    lon: Longitude
    azimuth_deg: Azimuth
    sigma_deg: Annotated[float, Meta(gt=0.0, le=90.0)]
    alt_m: Altitude | None = None
    elevation_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] | None = None
    elevation_sigma_deg: Annotated[float, Meta(gt=0.0, le=90.0)] | None = None
    confidence: Confidence | None = None
    landmark: tuple[Latitude, Longitude] | None = None
    """What is seen there is no news but a thing whose place is known: it tells the azimuth error of the mount."""


class Hotspot(Observation, kw_only=True, frozen=True, tag="hotspot"):
    """A thermal anomaly from a satellite, with the size of its pixel on the ground."""

    lat: Latitude
    lon: Longitude
    confidence: Confidence | None = None
    frp_mw: Annotated[float, Meta(ge=0.0, le=1e6)] | None = None
    brightness_k: Annotated[float, Meta(ge=0.0, le=5000.0)] | None = None
    scan_m: Sigma | None = None
    track_m: Sigma | None = None
    satellite: Name | None = None


class Detection(Observation, kw_only=True, frozen=True, tag="detection"):
    """A class with a confidence, seen by a sensor or an asset, with the position of the thing where it is known."""

    confidence: Confidence
    lat: Latitude | None = None
    lon: Longitude | None = None
    alt_m: Altitude | None = None
    sigma_m: Sigma | None = None
    box: tuple[Pixel, Pixel, Pixel, Pixel] | None = None
    """Image box x0, y0, x1, y1 in fractions of the picture."""
    media: Name | None = None


class Measurement(Observation, kw_only=True, frozen=True, tag="measurement"):
    """A number with a unit: weather, gas, water level, pressure."""

    quantity: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,40}$")]
    value: float
    unit: Annotated[str, Meta(min_length=1, max_length=20)]
    lat: Latitude | None = None
    lon: Longitude | None = None
    alt_m: Altitude | None = None
    sigma: Sigma | None = None


class Report(Observation, kw_only=True, frozen=True, tag="report"):
    """A person's words, with a place where they gave one."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    lat: Latitude | None = None
    lon: Longitude | None = None
    sigma_m: Sigma | None = None


class Telemetry(Observation, kw_only=True, frozen=True, tag="telemetry"):
    """An asset about itself. ``source`` is the asset's id."""

    lat: Latitude
    lon: Longitude
    category: Literal["drone", "aircraft", "crew", "engine", "vehicle", "vessel", "robot", "sensor"]
    alt_m: Altitude | None = None
    alt_ref: AltitudeReference = "ellipsoid"
    course_deg: Azimuth | None = None
    speed_mps: Speed | None = None
    climb_mps: Climb | None = None
    battery: Confidence | None = None
    endurance_s: Annotated[float, Meta(ge=0.0, le=1e7)] | None = None
    cruise_mps: Speed | None = None
    capabilities: Annotated[tuple[Key, ...], Meta(max_length=32)] = ()
    home: tuple[Latitude, Longitude] | None = None
    task: Key | None = None
    activity: Text | None = None


AnyObservation = Position | Bearing | Hotspot | Detection | Measurement | Report | Telemetry
OBSERVATION_KINDS: tuple[str, ...] = (
    "position",
    "bearing",
    "hotspot",
    "detection",
    "measurement",
    "report",
    "telemetry",
)
