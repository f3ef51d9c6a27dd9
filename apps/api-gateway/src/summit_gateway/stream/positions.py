"""Binary position frames (docs/reference/stream.md): a header of 24 bytes and 20 bytes for each entity, little endian.

Out-of-range values are clamped and marked, never wrapped. Pure.
"""

import math
import struct
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, get_args

from summit_core.model import EntityKind, Freshness, Kinematics

MAGIC: Final = b"SP"
VERSION: Final = 1
HEADER: Final = struct.Struct("<2sBBIQd")
"""Magic, version, bytes of a record, number of records, sequence, server time in milliseconds since 1970."""
RECORD: Final = struct.Struct("<IiihHHBB")
"""Handle, latitude and longitude 1e-7 degree, altitude m, course 1/100 degree, speed cm/s, kind, flags."""
KINDS: Final[tuple[str, ...]] = get_args(EntityKind)
UNKNOWN_KIND: Final = 255
FRESHNESS: Final[tuple[str, ...]] = get_args(Freshness)
HAS_ALTITUDE, HAS_COURSE, HAS_SPEED, FRESHNESS_SHIFT, CLAMPED = 1, 2, 4, 3, 32


class Position(NamedTuple):
    """A record as it is read; None where the entity did not say."""

    handle: int
    lat: float
    lon: float
    alt_m: int | None
    course_deg: float | None
    speed_mps: float | None
    kind: str | None
    freshness: str
    clamped: bool


def record(handle: int, facts: Any) -> bytes:
    """The record of an entity that has a location."""
    location, flags = facts.location, FRESHNESS.index(facts.freshness) << FRESHNESS_SHIFT
    speed_mps, course_deg = _motion(facts.kinematics)
    altitude = course = speed = 0
    clamped = False
    if location.alt_m is not None:
        flags |= HAS_ALTITUDE
        altitude, clamped = _clamp(location.alt_m, -32_768, 32_767)
    if course_deg is not None:
        flags |= HAS_COURSE
        course = round(course_deg * 100) % 36_000
    if speed_mps is not None:
        flags |= HAS_SPEED
        speed, too_fast = _clamp(speed_mps * 100, 0, 65_535)
        clamped |= too_fast
    kind = KINDS.index(facts.kind) if facts.kind in KINDS else UNKNOWN_KIND
    lat, lon = round(location.lat * 1e7), round(location.lon * 1e7)
    return RECORD.pack(handle, lat, lon, altitude, course, speed, kind, flags | CLAMPED * clamped)


def frame(records: Iterable[bytes], seq: int, time_ms: float) -> bytes:
    """One binary frame; whoever has it knows all positions up to ``seq``."""
    body = b"".join(records)
    return HEADER.pack(MAGIC, VERSION, RECORD.size, len(body) // RECORD.size, seq, time_ms) + body


def read(data: bytes) -> tuple[int, float, list[Position]]:
    """Sequence, server time (ms) and positions of a frame. Raises :class:`ValueError` for anything else."""
    if len(data) < HEADER.size:
        raise ValueError(f"{len(data)} bytes; a frame of positions has at least {HEADER.size}")
    magic, version, size, count, seq, time_ms = HEADER.unpack_from(data)
    if (magic, version) != (MAGIC, VERSION) or size < RECORD.size or len(data) != HEADER.size + count * size:
        raise ValueError("no frame of positions, or of another version")
    offsets = range(HEADER.size, len(data), size)
    return seq, time_ms, [_position(*RECORD.unpack_from(data, offset)) for offset in offsets]


def _position(
    handle: int, lat: int, lon: int, altitude: int, course: int, speed: int, kind: int, flags: int
) -> Position:
    return Position(
        handle,
        lat / 1e7,
        lon / 1e7,
        altitude if flags & HAS_ALTITUDE else None,
        course / 100 if flags & HAS_COURSE else None,
        speed / 100 if flags & HAS_SPEED else None,
        KINDS[kind] if kind < len(KINDS) else None,
        FRESHNESS[(flags >> FRESHNESS_SHIFT) & 3],
        bool(flags & CLAMPED),
    )


def _motion(kinematics: Kinematics | None) -> tuple[float | None, float | None]:
    """Speed and course; from the velocity where an entity states only that."""
    if kinematics is None:
        return None, None
    speed, course = kinematics.speed_mps, kinematics.course_deg
    if kinematics.velocity_enu_mps is not None:
        east, north = kinematics.velocity_enu_mps
        speed = math.hypot(east, north) if speed is None else speed
        course = math.degrees(math.atan2(east, north)) % 360.0 if course is None else course
    return speed, course


def _clamp(value: float, low: int, high: int) -> tuple[int, bool]:
    """The nearest whole number in range, and whether it had to be changed for that."""
    whole = round(value)
    return max(low, min(high, whole)), not low <= whole <= high
