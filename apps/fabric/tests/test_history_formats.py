"""Exports are valid documents of their formats, say what was put in, and hurt neither a parser nor a spreadsheet."""

import csv
import io
import json
from datetime import datetime
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from history_harness import after, moved, version
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from summit_core import geo, wire
from summit_core.errors import InputError
from summit_fabric.history import area
from summit_fabric.history.area import Area, Box
from summit_fabric.history.formats import FORMATS
from summit_fabric.history.item import Item, of_observation, of_version
from summit_fabric.history.past import Observed

GPX = {"g": "http://www.topografix.com/GPX/1/1"}
KML = {"k": "http://www.opengis.net/kml/2.2"}
TEXTS = st.text(max_size=30)


def measured(label: str, lat: float = 39.0, lon: float = -121.0, **more: Any) -> Item:
    body = {"kind": "report", "source": "s-1", "observed_at": after(1), "label": label, "lat": lat, "lon": lon} | more
    one = of_observation(Observed(after(1), UUID(int=7), wire.encode(body)))
    assert one.within(None)
    return one


def written(name: str, items: list[Item | None]) -> str:
    form = FORMATS[name]()
    parts = [form.head(), *(form.gap() if one is None else form.item(one) for one in items), form.tail()]
    return b"".join(parts).decode()


def the(one: Item | None) -> Item:
    assert one is not None
    return one


@given(TEXTS)
def test_any_text_survives_every_format(text: str) -> None:
    item = measured(text)
    assert json.loads(written("ndjson", [item]))["body"]["label"] == text
    feature = json.loads(written("geojson", [item, item]))["features"][1]
    assert (feature["properties"]["body"]["label"], feature["geometry"]["coordinates"]) == (text, [-121.0, 39.0])
    for name, path, spaces in (("kml", ".//k:Placemark/k:name", KML), ("gpx", "g:wpt/g:name", GPX)):
        found = ElementTree.fromstring(written(name, [item])).find(path, spaces)
        assert found is not None
    header, row = csv.reader(io.StringIO(written("csv", [item]), newline=""))
    assert len(header) == len(row)
    assert row[header.index("label")].removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    header, row = csv.reader(io.StringIO(written("csv", [measured(text)]), newline=""))
    assert row[header.index("label")] == f"'{text}"
    assert row[header.index("lon")] == "-121.0"


def test_gpx_has_waypoints_before_tracks_and_breaks_a_track_where_it_left() -> None:
    walk = [of_version(moved("trk-1", n, 39.0 + n, -121.0)) for n in range(1, 4)]
    other = of_version(moved("trk-2", 9, 10.0, 20.0, label="R & D <2>"))
    page = ElementTree.fromstring(written("gpx", [measured("camp"), walk[0], walk[1], None, walk[2], other]))
    assert page.get("version") == "1.1"
    assert [part.tag.rpartition("}")[2] for part in page] == ["wpt", "trk", "trk"]
    segments = page.findall("g:trk[1]/g:trkseg", GPX)
    assert [[point.get("lat") for point in one] for one in segments] == [["40.0", "41.0"], ["42.0"]]
    first = segments[0][0]
    assert [part.tag.rpartition("}")[2] for part in first] == ["ele", "time"]
    assert datetime.fromisoformat(str(first.findtext("g:time", None, GPX))) == after(1)
    assert page.findtext("g:trk[2]/g:name", None, GPX) == "R & D <2>"


def test_kml_has_a_time_at_every_place_and_leaves_out_what_has_none() -> None:
    placeless = of_version(version("advisories", "adv-1", 2))
    page = ElementTree.fromstring(written("kml", [the(of_version(moved("trk-1", 1, 39.0, -121.0))), the(placeless)]))
    (place,) = page.findall(".//k:Placemark", KML)
    assert [part.tag.rpartition("}")[2] for part in place] == ["name", "TimeStamp", "ExtendedData", "Point"]
    assert place.findtext("k:Point/k:coordinates", None, KML) == "-121.0,39.0,120.0"
    assert place.findtext("k:TimeStamp/k:when", None, KML) == "2026-08-01T05:00:01Z"


def test_geojson_draws_a_zone_and_knows_what_has_no_place() -> None:
    ring = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 0.0]]
    body = {"id": "z", "polygon": [ring]}
    zone = Item("zones", "z", 1, after(1), after(1), 1.0, 1.0, Raw(wire.encode(body)))
    nowhere = the(of_version(version("advisories", "adv-1", 2)))
    drawn, placeless = json.loads(written("geojson", [zone, nowhere]))["features"]
    assert drawn["geometry"] == {"type": "Polygon", "coordinates": [ring]}
    assert placeless["geometry"] is None
    assert json.loads(written("geojson", [])) == {"type": "FeatureCollection", "features": []}


@example(0.0, -180.0, 0.0, 0.0)
@example(0.0, 180.0, 0.0, 0.0)
@example(10.0, -180.0, 0.0, 0.5)
@example(-58.45658030204092, -72.94101452591626, 0.020494168902, 1e-6)
@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 1.5), st.floats(0, 1.5))
def test_the_cells_of_a_box_hold_all_that_is_in_it(south: float, west: float, high: float, wide: float) -> None:
    east = west + wide if west + wide <= 180.0 else west + wide - 360.0
    box = Box(west, south, east, min(80.0, south + high))
    cells = Area(box).cells()
    assert cells is not None
    for part in (0.0, 0.3, 1.0):
        lat, lon = south + part * (box.north - south), (west + part * wide + 180.0) % 360.0 - 180.0
        if box.holds(lat, lon):
            assert geo.cell(lat, lon) in cells


def test_areas() -> None:
    pacific = area.read("170,-10,-170,10", None)
    assert pacific is not None
    assert pacific.holds(0.0, 179.0)
    assert pacific.holds(0.0, -179.0)
    assert not pacific.holds(0.0, 0.0)
    triangle = area.read(None, "0,0 10,0 0,10")
    assert triangle is not None
    assert triangle.holds(2.0, 2.0)
    assert not triangle.holds(8.0, 8.0)
    assert area.read(None, None) is None
    for bbox in ("1,2,3", "a,b,c,d", "0,10,1,5", "0,0,200,1", "nan,0,1,1"):
        with pytest.raises(InputError):
            area.read(bbox, None)
