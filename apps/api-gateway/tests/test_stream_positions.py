"""Binary positions. The committed bytes are decoded by the console's test too (positions.test.ts)."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.model import EntityKind, Kinematics, Location
from summit_gateway.stream import positions

FIXTURES = Path(__file__).parent / "fixtures"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "positions.json").read_text())["cases"]


def facts(kind: str, freshness: str, location: dict[str, float], kinematics: dict[str, Any] | None) -> Any:
    return SimpleNamespace(
        kind=kind,
        freshness=freshness,
        location=Location(**location),
        kinematics=None if kinematics is None else Kinematics(**kinematics),
    )


def test_the_committed_bytes_are_what_we_write_and_read() -> None:
    data = (FIXTURES / "positions.bin").read_bytes()
    records = [positions.record(case["position"]["handle"], facts(**case["entity"])) for case in CASES]
    assert positions.frame(records, 9_007_199_254_740_991, 1_782_864_000_123.5) == data
    seq, time_ms, found = positions.read(data)
    assert (seq, time_ms, len(data)) == (9_007_199_254_740_991, 1_782_864_000_123.5, 24 + 20 * len(CASES))
    assert [one._asdict() for one in found] == [case["position"] for case in CASES]


def test_kinds_are_only_ever_added_at_the_end() -> None:
    """Their numbers are on the wire."""
    known = ("asset", "track", "sensor", "place", "zone", "hazard", "person", "structure")
    assert get_args(EntityKind)[: len(known)] == known


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    alt=st.none() | st.floats(-1000, 100_000),
    speed=st.none() | st.floats(0, 5000),
    course=st.none() | st.floats(0, 360),
    handle=st.integers(1, 2**32 - 1),
)
def test_what_is_read_is_what_was_written(
    lat: float, lon: float, alt: float | None, speed: float | None, course: float | None, handle: int
) -> None:
    motion = Kinematics(speed_mps=speed, course_deg=course)
    entity = SimpleNamespace(
        kind="track", freshness="lost", location=Location(lat=lat, lon=lon, alt_m=alt), kinematics=motion
    )
    (one,) = positions.read(positions.frame([positions.record(handle, entity)], 7, 0.0))[2]
    assert (one.handle, one.kind, one.freshness) == (handle, "track", "lost")
    assert abs(one.lat - lat) <= 6e-8
    assert abs(one.lon - lon) <= 6e-8
    assert (one.alt_m is None, one.speed_mps is None, one.course_deg is None) == (
        alt is None,
        speed is None,
        course is None,
    )
    assert one.alt_m == (None if alt is None else min(round(alt), 32_767))
    assert one.speed_mps is None or speed is None or abs(one.speed_mps - min(speed, 655.35)) <= 0.00501
    assert one.course_deg is None or course is None or math.cos(math.radians(one.course_deg - course)) > 1 - 1e-7
    assert one.clamped == ((alt or 0) >= 32_767.5 or round((speed or 0) * 100) > 65_535)


@given(st.binary(max_size=120))
def test_other_bytes_are_refused(data: bytes) -> None:
    try:
        seq, _, found = positions.read(data)
    except ValueError as error:
        assert str(error)
        return
    assert data[:2] == b"SP"
    assert seq >= 0
    assert len(found) >= 0


def test_a_later_version_may_have_longer_records() -> None:
    """A reader goes by the size in the header."""
    record = positions.record(5, facts("asset", "live", {"lat": 1.0, "lon": 2.0}, None))
    data = positions.HEADER.pack(b"SP", 1, 24, 2, 1, 0.0) + (record + b"more") * 2
    assert [one.handle for one in positions.read(data)[2]] == [5, 5]
    with pytest.raises(ValueError, match="another version"):
        positions.read(positions.HEADER.pack(b"SP", 2, 20, 0, 1, 0.0))
