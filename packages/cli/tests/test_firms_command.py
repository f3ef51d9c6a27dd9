"""`summit firms` as a person types it."""

import json
from pathlib import Path

from click.testing import CliRunner
from summit_cli.main import main

HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)
ROW = "{lat},-84.25,331.5,0.39,0.36,2025-08-01,112,N,n,2.0NRT,290.1,4.5,D"


def test_rows_become_fires_on_a_map(tmp_path: Path) -> None:
    source, target = tmp_path / "firms.csv", tmp_path / "fires.geojson"
    source.write_text("\n".join([HEADER, *(ROW.format(lat=lat) for lat in (36.45, 36.453, 37.0))]))
    result = CliRunner().invoke(main, ["firms", str(source), "--output", str(target), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["rows"], summary["hotspots"], summary["rejected"], summary["fires"]) == (3, 3, 0, 2)
    page = json.loads(target.read_text())
    assert page["type"] == "FeatureCollection"
    assert sorted(feature["properties"]["spots"] for feature in page["features"]) == [1, 2]
    assert {feature["geometry"]["type"] for feature in page["features"]} == {"MultiPolygon"}


def test_a_person_sees_a_table_and_what_was_wrong(tmp_path: Path) -> None:
    source = tmp_path / "firms.csv"
    source.write_text("\n".join([HEADER, ROW.format(lat=36.45), ROW.format(lat=99)]))
    result = CliRunner().invoke(main, ["firms", str(source)])
    assert result.exit_code == 1
    assert "line 3: latitude" in result.stderr
    assert "36.4500" in result.stdout


def test_an_error_body_is_told_as_such(tmp_path: Path) -> None:
    source = tmp_path / "firms.csv"
    source.write_text("Invalid MAP_KEY.")
    result = CliRunner().invoke(main, ["firms", str(source)])
    assert result.exit_code == 2
    assert "Invalid MAP_KEY" in result.stderr
