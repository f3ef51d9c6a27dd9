"""A trace of one aircraft as readsb and tar1090 write it (readsb, README-json.md, "trace jsons")."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from summit_core.model import AnyObservation, Position

from summit_cli.replay.recording import FEET_PER_MINUTE_MPS, FOOT_M, KNOT_MPS, Recording, Reject, scaled

SOURCE: Final = "readsb"
EPU_M: Final = {11: 3.0, 10: 10.0, 9: 30.0, 8: 92.6, 7: 185.2, 6: 555.6, 5: 926.0, 4: 1852.0}
"""Navigation accuracy category (NACp) to the radius of 95 % (DO-260B, table 2-14)."""
UNKNOWN_EPU_M: Final = 92.6
SIGMAS_OF_95: Final = 2.448
"""Radius of 95 % of a circular normal distribution, in its standard deviations."""


class Trace(Struct, frozen=True):
    """The file: ``timestamp`` is the unix time of offset 0."""

    icao: str
    timestamp: float
    trace: list[list[Any]]


class Point(Struct, frozen=True, array_like=True):
    """One row; ``altitude`` is barometric feet, ``"ground"`` or unknown."""

    offset_s: float
    lat: float | None
    lon: float | None
    altitude_ft: float | str | None = None
    speed_kt: float | None = None
    track_deg: float | None = None
    flags: int = 0
    climb_fpm: float | None = None
    details: dict[str, Any] | None = None
    kind: str | None = None
    geometric_ft: float | None = None


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    trace = msgspec.json.decode(recording.content, type=Trace)
    details: dict[str, Any] = {}
    for record, row in enumerate(trace.trace, 1):
        try:
            point = msgspec.convert(row, Point)
        except msgspec.ValidationError as error:
            yield Reject(record, "invalid_field", str(error))
            continue
        details |= point.details or {}
        if point.lat is None or point.lon is None:
            yield Reject(record, "no_position", f"row {record} of {trace.icao} has no latitude and longitude")
            continue
        yield recording.identify(_position(trace, point, details), record)


def _position(trace: Trace, point: Point, details: dict[str, Any]) -> Position:
    """``details`` come with few rows and hold until the next ones."""
    barometric = point.altitude_ft if isinstance(point.altitude_ft, float) else None
    geometric = point.geometric_ft is not None
    return Position(
        source=SOURCE,
        observed_at=datetime.fromtimestamp(trace.timestamp + point.offset_s, UTC),
        lat=point.lat or 0.0,
        lon=point.lon or 0.0,
        alt_m=scaled(point.geometric_ft if geometric else barometric, FOOT_M),
        alt_ref="ellipsoid" if geometric else "msl",
        sigma_m=EPU_M.get(details.get("nac_p", -1), UNKNOWN_EPU_M) / SIGMAS_OF_95,
        course_deg=point.track_deg,
        speed_mps=scaled(point.speed_kt, KNOT_MPS),
        climb_mps=scaled(point.climb_fpm, FEET_PER_MINUTE_MPS),
        identity=f"icao:{trace.icao.lower().removeprefix('~')}",
        label=str(details.get("flight", "")).strip() or None,
        class_="aircraft",
    )
