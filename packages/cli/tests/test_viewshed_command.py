"""`summit viewshed` as a person types it."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.transform import from_origin
from rasterio.warp import transform
from summit_cli.main import main

CELL_M = 30.0
WEST, NORTH = 500_000.0, 4_900_000.0


@pytest.fixture
def hill(tmp_path: Path) -> Path:
    """6 x 6 km, level, with a wall from west to east through the middle."""
    heights = np.full((200, 200), 100.0, dtype=np.float32)
    heights[99:102, :] = 160.0
    path = tmp_path / "hill.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=200, width=200, dtype="float32", crs="EPSG:32618",
        transform=from_origin(WEST, NORTH, CELL_M, CELL_M),
    ) as data:  # fmt: skip
        data.write(heights, 1)
    return path


def place(row: int) -> str:
    """A camera of 20 m in the middle column."""
    (lon,), (lat,) = transform("EPSG:32618", "EPSG:4326", [WEST + 100 * CELL_M], [NORTH - row * CELL_M])
    return f"{lat},{lon},20"


def test_two_cameras_on_both_sides_of_a_wall(hill: Path, tmp_path: Path) -> None:
    target = tmp_path / "areas.geojson"
    command = ["viewshed", "--elevation", str(hill), "--radius-km", "2", "--output", str(target), "--json"]
    both = CliRunner().invoke(main, [*command, "--camera", place(60), "--camera", place(140)])
    assert both.exit_code == 0, both.output
    summary = json.loads(both.stdout.splitlines()[-1])
    assert summary["cell_m"] == pytest.approx(CELL_M, rel=0.01)
    assert summary["area_km2"] == pytest.approx(summary["seen_km2"] + summary["blind_km2"], abs=0.01)
    assert max(summary["cameras_km2"]) < summary["seen_km2"] <= sum(summary["cameras_km2"])
    assert summary["seen_by_two_km2"] < 0.3 * summary["seen_km2"]
    features = json.loads(target.read_text())["features"]
    assert [one["properties"]["what"] for one in features] == ["camera", "camera", "two", "blind"]
    assert all(one["geometry"]["type"] == "MultiPolygon" for one in features)
    assert features[0]["geometry"]["coordinates"]


def test_smoke_over_the_wall_is_seen_from_one_side(hill: Path) -> None:
    command = ["viewshed", "--elevation", str(hill), "--radius-km", "2", "--camera", place(60), "--json"]
    ground, high = (
        json.loads(CliRunner().invoke(main, [*command, *more]).stdout.splitlines()[-1])
        for more in ((), ("--above-m", "150"))
    )
    assert ground["blind_km2"] > 1.5
    assert high["blind_km2"] < 0.05 * ground["blind_km2"]


def test_a_person_reads_a_line_and_what_was_wrong(hill: Path) -> None:
    command = ["viewshed", "--elevation", str(hill), "--radius-km", "1"]
    told = CliRunner().invoke(main, [*command, "--camera", place(60)])
    assert told.exit_code == 0 and "km2 in range" in told.stdout
    away = CliRunner().invoke(main, [*command, "--camera", "10.0,10.0,20"])
    assert away.exit_code == 1 and "knows nothing around 10.00000 10.00000" in away.stderr
    odd = CliRunner().invoke(main, [*command, "--camera", "10.0,10.0"])
    assert odd.exit_code == 2 and "LAT,LON,HEIGHT" in odd.stderr
