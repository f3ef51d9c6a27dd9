"""ADS-B states as the ``traffic`` library writes them: feet, knots, feet a minute, milliseconds."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from summit_core.model import AnyObservation, Position

from summit_cli.replay.recording import FEET_PER_MINUTE_MPS, FOOT_M, KNOT_MPS, Recording, Reject, scaled

SOURCE: Final = "adsb"
SIGMA_M: Final = 40.0
"""The accuracy category is not in the file; NACp 8 (95 % within 92.6 m), usual for these transponders."""


class State(Struct, frozen=True):
    """One record; ``NaN`` and absent are the same."""

    timestamp: int
    icao24: str
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    geoaltitude: float | None = None
    groundspeed: float | None = None
    track: float | None = None
    vertical_rate: float | None = None
    callsign: str | None = None


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    # NaN is written as a bare word by some exports; it stands for "unknown" there
    content = recording.content.replace(b":NaN", b":null").replace(b": NaN", b":null")
    for record, raw in enumerate(msgspec.json.decode(content, type=list[Any]), 1):
        yield _one(recording, record, raw)


def _one(recording: Recording, record: int, raw: Any) -> AnyObservation | Reject:
    try:
        state = msgspec.convert(raw, State)
    except msgspec.ValidationError as error:
        return Reject(record, "invalid_field", str(error))
    if state.latitude is None or state.longitude is None or not math.isfinite(state.latitude + state.longitude):
        return Reject(record, "no_position", f"{state.icao24} reported no latitude and longitude")
    geometric = state.geoaltitude is not None
    position = Position(
        source=SOURCE,
        observed_at=datetime.fromtimestamp(state.timestamp / 1000, UTC),
        lat=state.latitude,
        lon=state.longitude,
        alt_m=scaled(state.geoaltitude if geometric else state.altitude, FOOT_M),
        alt_ref="ellipsoid" if geometric else "msl",
        sigma_m=SIGMA_M,
        course_deg=state.track,
        speed_mps=scaled(state.groundspeed, KNOT_MPS),
        climb_mps=scaled(state.vertical_rate, FEET_PER_MINUTE_MPS),
        identity=f"icao:{state.icao24.lower()}",
        label=(state.callsign or "").strip() or None,
        class_="aircraft",
    )
    return recording.identify(position, record)
