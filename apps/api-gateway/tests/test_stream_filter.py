"""Filters and areas: what they let through, and how a bad one is refused."""

from typing import Any

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_model import change, entity
from summit_core.errors import InputError
from summit_gateway.stream.area import box, polygon
from summit_gateway.stream.request import ask_of, opening_of
from summit_gateway.stream.version import Version

HERE = {"location": {"lat": 39.8, "lon": -121.4}}
DRONE = entity("drone-1", kind="asset", label="Ridge drone", sources=["s1"], labels=["Air"], **{"class": "uas"}) | HERE
ALERT: dict[str, Any] = {"id": "al-1", "severity": "severe"}
OBJECTS = {"entities": DRONE, "alerts": ALERT | HERE, "tasks": {"id": "t-1"}}


def passed(query: dict[str, str], **objects: dict[str, Any]) -> set[str]:
    view = opening_of(query, None, text_only=False).view
    versions = {type_: Version(change(1, (type_, body["id"]), body), 1) for type_, body in (OBJECTS | objects).items()}
    return {type_ for type_, version in versions.items() if view.holds(version)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"entities", "alerts", "tasks"}),
        ({"types": "entities,tasks"}, {"entities", "tasks"}),
        ({"kind": "track,asset"}, {"entities", "alerts", "tasks"}),
        ({"kind": "track"}, {"alerts", "tasks"}),
        ({"class": "uas"}, {"entities", "alerts", "tasks"}),
        ({"owner": "tasking"}, {"alerts", "tasks"}),
        ({"source": "s2,s1"}, {"entities", "alerts", "tasks"}),
        ({"source": "s2"}, {"alerts", "tasks"}),
        ({"label": "dge dr", "types": "entities"}, {"entities"}),
        ({"label": "rid*", "types": "entities"}, {"entities"}),
        ({"label": "drone*", "types": "entities"}, set()),
        ({"label": "air", "types": "entities"}, {"entities"}),
        ({"severity": "minor,severe", "types": "alerts"}, {"alerts"}),
        ({"severity_at_least": "extreme", "types": "alerts"}, set()),
        ({"severity_at_least": "moderate", "types": "alerts"}, {"alerts"}),
        ({"id": "drone-1,t-9"}, {"entities"}),
        ({"bbox": "-122,39,-121,40"}, {"entities", "alerts", "tasks"}),
        ({"bbox": "-121,39,-120,40"}, {"tasks"}),
        ({"polygon": "-122,39 -121,39 -121,41", "types": "entities"}, {"entities"}),
        (
            {"h3": h3.latlng_to_cell(39.8, -121.4, 9) + "," + h3.latlng_to_cell(0, 0, 3)},
            {"entities", "alerts", "tasks"},
        ),
        ({"h3": h3.latlng_to_cell(39.9, -121.4, 9)}, {"tasks"}),
    ],
)
def test_what_passes(query: dict[str, str], expected: set[str]) -> None:
    assert passed(query) == expected


def test_what_has_no_place_is_in_no_area() -> None:
    assert passed({"bbox": "-180,-90,180,90"}, alerts=ALERT) == {"entities", "tasks"}


def test_a_body_that_is_not_what_its_type_says_matches_no_fact() -> None:
    broken = {"id": "al-1", "severity": "very", "location": 7}
    assert "alerts" not in passed({"severity": "severe"}, alerts=broken)
    assert "alerts" not in passed({"bbox": "-180,-90,180,90"}, alerts=broken)
    assert "alerts" in passed({}, alerts=broken)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"types": "ghosts"}, "types"),
        ({"types": ""}, "types"),
        ({"kind": "dragon"}, "kind"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "1,2,x,4"}, "bbox"),
        ({"bbox": "0,nan,1,1"}, "bbox"),
        ({"bbox": "0,2,1,1"}, "bbox"),
        ({"bbox": "0,-91,1,1"}, "bbox"),
        ({"polygon": "0,0 1,1"}, "polygon"),
        ({"polygon": "0,0 1,1 0,0"}, "polygon"),
        ({"polygon": "0,60 120,60 -120,60"}, "polygon"),
        ({"polygon": "0,0 1,1 1,inf"}, "polygon"),
        ({"h3": "85283473fffffff,hello"}, "h3"),
        ({"h3": "ffffffffffffffffffff"}, "h3"),
        ({"severity_at_least": "bad"}, "severity_at_least"),
        ({"id": "no spaces"}, "id"),
        ({"label": ","}, "label"),
        ({"fields": "id,ghost"}, "fields"),
        ({"fields": "id,,kind"}, "fields"),
        ({"format": "xml"}, "format"),
        ({"from": "-1"}, "from"),
    ],
)
def test_a_bad_parameter_is_named(query: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as refused:
        opening_of(query, None, text_only=False)
    assert refused.value.field == field
    assert field in refused.value.detail


def test_server_sent_events_carry_no_binary() -> None:
    with pytest.raises(InputError, match="WebSocket"):
        opening_of({"format": "binary"}, None, text_only=True)


@given(st.text() | st.from_regex(r'\{"op":"filter","filter":.{0,60}\}', fullmatch=True))
def test_whatever_a_client_says_is_understood_or_refused(text: str) -> None:
    try:
        ask, wanted = ask_of(text)
    except InputError as error:
        assert error.detail
        return
    assert ask.op == "filter"
    assert wanted is not None


LON = st.floats(-180, 180)


@given(west=LON, width=st.floats(0.01, 170), lon=LON, lat=st.floats(-89, 89))
def test_a_box_and_its_polygon_agree_wherever_they_lie(west: float, width: float, lon: float, lat: float) -> None:
    east = (west + width + 180) % 360 - 180
    corners = [(west, -40.0), (east, -40.0), (east, 50.0), (west, 50.0)]
    away = min(abs((lon - edge + 180) % 360 - 180) for edge in (west, east))
    if away > 1e-9 and abs(lat + 40) > 1e-9 and abs(lat - 50) > 1e-9:
        inside = (lon - west) % 360 < width and -40 < lat < 50
        assert polygon(corners)(lon, lat) == polygon(corners[::-1])(lon, lat) == inside
        assert box(west, -40.0, east, 50.0)(lon, lat) == inside
