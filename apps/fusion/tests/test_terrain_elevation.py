"""Elevation files: projections, windows, tiles, and errors that say what to do."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform
from summit_core.errors import InputError
from summit_fusion.terrain import Camera, viewshed
from summit_fusion.terrain.elevation import Elevation

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "landfire" / "LC20_Elev_220.tif"
LAT, LON = 44.4, -72.6


def write(path: Path, heights: Any, crs: str | None, west: float, north: float, size: float, **more: Any) -> Path:
    unit = more.pop("unit", None)
    heights = np.atleast_3d(np.asarray(heights).T).T
    with rasterio.open(
        path, "w", driver="GTiff", count=heights.shape[0], height=heights.shape[1], width=heights.shape[2],
        dtype=heights.dtype, crs=crs, transform=from_origin(west, north, size, size), **more,
    ) as data:  # fmt: skip
        data.write(heights)
        if unit:
            data.units = (unit,) * heights.shape[0]
    return path


def slope_east(path: Path, crs: str, size: float, cells: int = 200, **more: Any) -> Path:
    """Rises by 1 m a cell towards the right of the file, 500 m in its middle, which is at LAT, LON."""
    (x,), (y,) = transform("EPSG:4326", crs, [LON], [LAT])
    heights = np.tile(500.0 + np.arange(cells) - (cells - 1) / 2.0, (cells, 1)).astype(np.float32)
    half = cells / 2.0 * size
    return write(path, heights, crs, x - half, y + half, size, **more)


@pytest.mark.parametrize(
    ("crs", "size", "more"),
    [
        ("EPSG:5070", 30.0, {}),
        ("EPSG:32618", 10.0, {"compress": "deflate", "predictor": 3, "tiled": True}),
        ("EPSG:4326", 1 / 3600, {"compress": "lzw"}),
    ],
)
def test_heights_come_out_of_any_projection(tmp_path: Path, crs: str, size: float, more: dict[str, Any]) -> None:
    elevation = Elevation.of([slope_east(tmp_path / "dem.tif", crs, size, **more)])
    patch = elevation.around(LAT, LON, 60 * size * (1.0 if size > 1.0 else 80_000.0))
    (x,), (y,) = transform("EPSG:4326", crs, [LON], [LAT])
    for dx, dy in ((0.0, 0.0), (20.3, 5.0), (-31.7, -12.2)):
        (lon,), (lat,) = transform(crs, "EPSG:4326", [x + dx * size], [y + dy * size])
        assert patch.at(lat, lon) == pytest.approx(500.0 + dx, abs=0.05)
        assert elevation.at(lat, lon) == pytest.approx(500.0 + dx, abs=0.02)


def test_tiles_join_without_a_seam(tmp_path: Path) -> None:
    size, (x, y) = 30.0, (500_000.0, 4_900_000.0)
    heights = np.add.outer(np.arange(60.0), 2.0 * np.arange(80.0)).astype(np.float32)
    left = write(tmp_path / "a.tif", heights[:, :40], "EPSG:32618", x, y, size)
    right = write(tmp_path / "b.tif", heights[:, 40:], "EPSG:32618", x + 40 * size, y, size)
    whole = write(tmp_path / "c.tif", heights, "EPSG:32618", x, y, size)
    (lon,), (lat,) = transform("EPSG:32618", "EPSG:4326", [x + 40 * size], [y - 30 * size])
    tiled = Elevation.of([left, right]).around(lat, lon, 600.0)
    single = Elevation.of([whole]).around(lat, lon, 600.0)
    assert np.array_equal(np.isnan(tiled.heights), np.isnan(single.heights))
    assert not np.isnan(tiled.heights[10:30, 10:30]).any()
    assert np.nanmax(np.abs(tiled.heights - single.heights)) < 1.01  # half a cell at the seam is the edge value


def test_what_the_file_does_not_know_is_not_known(tmp_path: Path) -> None:
    heights = np.full((80, 80), 300, dtype=np.int16)
    heights[:, 50:] = 32767
    path = write(tmp_path / "dem.tif", heights, "EPSG:32618", 500_000.0, 4_900_000.0, 30.0, nodata=32767)
    (lon,), (lat,) = transform("EPSG:32618", "EPSG:4326", [500_900.0], [4_898_800.0])
    patch = Elevation.of([path]).around(lat, lon, 2_000.0)
    assert np.nanmin(patch.heights) == np.nanmax(patch.heights) == 300.0
    (east,), (same,) = transform("EPSG:32618", "EPSG:4326", [502_000.0], [4_898_800.0])
    with pytest.raises(InputError, match="no value"):
        patch.at(same, east)
    with pytest.raises(InputError, match="knows nothing") as far:
        Elevation.of([path]).around(10.0, 10.0, 1_000.0)
    assert far.value.field == "position"


def test_files_that_cannot_be_right_are_refused_by_name(tmp_path: Path) -> None:
    flat = np.full((20, 20), 300.0, dtype=np.float32)
    undeclared = flat.copy()
    undeclared[5, 5] = -9999.0
    place: tuple[str, float, float, float] = ("EPSG:32618", 500_000.0, 4_900_000.0, 30.0)
    (tmp_path / "text.tif").write_text("not a picture")
    for path, what in (
        (write(tmp_path / "feet.tif", flat, *place, unit="ft"), "feet.tif is in ft"),
        (write(tmp_path / "two.tif", np.stack([flat, flat]), *place), "two.tif has 2 bands"),
        (write(tmp_path / "nowhere.tif", flat, None, *place[1:]), "nowhere.tif does not say its projection"),
        (tmp_path / "text.tif", "text.tif cannot be read"),
        (tmp_path / "absent.tif", "absent.tif cannot be read"),
    ):
        with pytest.raises(InputError, match=what) as refused:
            Elevation.of([path])
        assert refused.value.field == "elevation"
    with pytest.raises(InputError, match="no elevation file"):
        Elevation.of([])
    (lon,), (lat,) = transform("EPSG:32618", "EPSG:4326", [500_300.0], [4_899_700.0])
    with pytest.raises(InputError, match="declare the value for no data"):
        Elevation.of([write(tmp_path / "gap.tif", undeclared, *place)]).around(lat, lon, 200.0, 30.0)
    good = Elevation.of([write(tmp_path / "good.tif", flat, *place, unit="metre")])
    for radius in (1e7, math.nan, -5.0):
        with pytest.raises(InputError) as large:
            good.around(lat, lon, radius, 30.0)
        assert large.value.field == "radius_m"
    with pytest.raises(InputError):
        good.around(95.0, lon, 200.0)


@pytest.mark.skipif(not REAL.exists(), reason="SKIPPED: the LANDFIRE elevation is not beside this clone")
def test_a_real_elevation_model() -> None:
    """Worcester, Vermont, in Albers, turned by 15 degrees there: against the cells of the file itself."""
    elevation = Elevation.of([REAL])
    patch = elevation.around(44.42, -72.58, 4_000.0)
    with rasterio.open(REAL) as data:
        cells = data.read(1)
        random, apart = np.random.default_rng(1), []
        for lat, lon in zip(random.uniform(44.40, 44.44, 40), random.uniform(-72.60, -72.56, 40), strict=True):
            (x,), (y,) = transform("EPSG:4326", data.crs, [lon], [lat])
            column, row = (value - 0.5 for value in ~data.transform * (x, y))
            i, j, v, u = int(row), int(column), row % 1.0, column % 1.0
            upper = cells[i, j] * (1 - u) + cells[i, j + 1] * u
            lower = cells[i + 1, j] * (1 - u) + cells[i + 1, j + 1] * u
            height = upper * (1 - v) + lower * v
            assert elevation.at(lat, lon) == pytest.approx(height, abs=0.05)
            apart.append(patch.at(lat, lon) - height)
    assert np.sqrt(np.mean(np.square(apart))) < 1.0  # interpolated twice: it rounds a valley or a crest by metres
    assert np.max(np.abs(apart)) < 5.0
    view = viewshed(patch, Camera(44.42, -72.58, 30.0), 4_000.0)
    assert 0.02 < view.seen()[np.isfinite(view.depth)].mean() < 0.6
