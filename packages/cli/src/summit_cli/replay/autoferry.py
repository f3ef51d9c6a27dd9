"""The Autoferry maritime sensor fusion data set (Helgesen et al., Ocean Engineering 2022; CC0).

A file is a list of scans: sensor, own-ship position (north, east metres from the origin), unix time, measurement.
Checked against the ground truth that comes with it:

- Lidar (1) and radar (2): a 2 x N matrix, first row north, second row east, **relative to the own ship**; one detection
  comes as the flat pair. Nearest detection to a target: median 3 to 5 m for lidar, 5 to 9 m for radar.
- Infrared (3) and electro-optical (4): bearings in radians **clockwise from north** at the own ship (heading is already
  in them), a number or a list. Residuals of 1 to 3 degrees, part of it a bias that differs from day to day.

A record is one detection. A scan without any is counted as ``empty_scans`` and is not a record.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct, field
from summit_core.geo import LocalFrame
from summit_core.model import AnyObservation, Bearing, Position

from summit_cli.replay.recording import Recording, Reject

ORIGIN: Final = LocalFrame(63.4389029083, 10.39908278)
LIDAR, RADAR, INFRARED, ELECTRO_OPTICAL = 1, 2, 3, 4
SOURCES: Final = {
    LIDAR: "autoferry-lidar",
    RADAR: "autoferry-radar",
    INFRARED: "autoferry-ir",
    ELECTRO_OPTICAL: "autoferry-eo",
}
POSITION_SIGMA_M: Final = {LIDAR: 3.0, RADAR: 6.0}
BEARING_SIGMA_DEG: Final = {INFRARED: 3.0, ELECTRO_OPTICAL: 2.0}


Measured = float | list[float | list[float]]


class Scan(Struct, frozen=True):
    """One line of the file."""

    sensor: int = field(name="sensorID")
    own_ship: tuple[float, float] = field(name="ownshipPosition")
    time: float
    measurement: Measured


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    record = 0
    for scan in msgspec.json.decode(recording.content, type=list[Scan]):
        recording.notes["empty_scans"] += scan.measurement == []
        for made in _observations(scan):
            record += 1
            yield Reject(record, *made) if isinstance(made, tuple) else recording.identify(made, record)


def _observations(scan: Scan) -> Iterator[AnyObservation | tuple[str, str]]:
    """The detections of a scan, or the reason and detail why it has none that can be read."""
    at = datetime.fromtimestamp(scan.time, UTC)
    if scan.sensor in POSITION_SIGMA_M:
        rows = _rows(scan.measurement)
        if len({len(row) for row in rows}) > 1 or len(rows) not in {0, 2}:
            yield "invalid_field", f"measurement: {len(rows)} rows; a 2 x N matrix is needed"
            return
        for north, east in zip(*rows, strict=True):
            lat, lon = ORIGIN.to_geodetic(scan.own_ship[1] + east, scan.own_ship[0] + north)
            yield Position(
                source=SOURCES[scan.sensor],
                observed_at=at,
                lat=lat,
                lon=lon,
                sigma_m=POSITION_SIGMA_M[scan.sensor],
                class_="vessel",
            )
    elif scan.sensor in BEARING_SIGMA_DEG:
        lat, lon = ORIGIN.to_geodetic(scan.own_ship[1], scan.own_ship[0])
        for azimuth in _flat(scan.measurement):
            yield Bearing(
                source=SOURCES[scan.sensor],
                observed_at=at,
                lat=lat,
                lon=lon,
                azimuth_deg=math.degrees(azimuth) % 360.0,
                sigma_deg=BEARING_SIGMA_DEG[scan.sensor],
                class_="vessel",
            )
    else:
        yield "unknown_sensor", f"sensorID {scan.sensor} is none of 1 to 4"


def _rows(measurement: Measured) -> list[list[float]]:
    """Rows of the matrix; the flat pair is a matrix with one column."""
    values = measurement if isinstance(measurement, list) else [measurement]
    return [row if isinstance(row, list) else [row] for row in values]


def _flat(measurement: Measured) -> list[float]:
    return [value for row in _rows(measurement) for value in row]
