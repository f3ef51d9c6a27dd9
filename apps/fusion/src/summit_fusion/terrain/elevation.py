"""Elevation models from files (GeoTIFF and all that GDAL reads): windows of them as a :class:`Patch`.

rasterio does the projection: a window is resampled (bilinear) into the plane of the place that is asked for, whatever
the projection and the tiling of the files. Heights stay in the vertical datum of the file; sight lines compare heights
of one file only, so none is converted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from summit_core.errors import InputError

from summit_fusion.terrain.patch import Heights, Patch
from summit_fusion.terrain.plane import Plane

METRES: Final = frozenset({"", "m", "metre", "metres", "meter", "meters"})
LOWEST_M: Final = -500.0
HIGHEST_M: Final = 9_000.0
MOST_CELLS: Final = 8_000
"""Of a side: 240 km at 30 m, 256 MB."""

TOLERANCE: Final = 0.01
"""Of a cell, by which the projection may be approximated."""


@dataclass(frozen=True, slots=True)
class Elevation:
    """Files of one elevation model, earlier ones first where they overlap. All are looked at before any is used."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Elevation":
        """InputError (field ``elevation``) names the file that is not one band of metres with a projection."""
        if not paths:
            raise InputError("no elevation file", field="elevation")
        for path in paths:
            try:
                with rasterio.open(path) as data:
                    _check(path, data.count, data.crs, data.units[0])
            except RasterioError as error:
                raise InputError(f"{path.name} cannot be read: {error}", field="elevation") from None
        return cls(tuple(paths))

    def around(self, lat: float, lon: float, radius_m: float, cell_m: float | None = None) -> Patch:
        """The square of ``radius_m`` around a position; ``cell_m``: by default as fine as the first file.

        What is not known is NaN. InputError: field ``position`` when nothing of the square is known, ``elevation`` when
        a height cannot be one in metres, ``radius_m`` when the square is too large for its cells.
        """
        plane = _crs(lat, lon)
        cell = cell_m or _resolution(self.paths[0], plane)
        most = cell * MOST_CELLS / 2
        if not cell <= radius_m <= most:
            raise InputError(f"{cell:g} m to {most:g} m at {cell:g} m a cell", field="radius_m")
        reach = math.ceil(radius_m / cell)
        heights = np.full((2 * reach + 1, 2 * reach + 1), np.nan, dtype=np.float32)
        for path in self.paths:
            heights = np.where(np.isnan(heights), _window(path, plane, reach, cell), heights)
        _check_heights(heights, lat, lon)
        return Patch(Plane(lat, lon), np.ascontiguousarray(heights[::-1]), -reach * cell, -reach * cell, cell)

    def at(self, lat: float, lon: float) -> float:
        """Height of the ground at a position (metres, bilinear)."""
        cell = _resolution(self.paths[0], _crs(lat, lon))
        return self.around(lat, lon, 2.0 * cell, cell).at(lat, lon)


def _crs(lat: float, lon: float) -> CRS:
    """The plane of :class:`Plane` as PROJ has it; the two agree to centimetres within 100 km."""
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise InputError("a latitude and a longitude, degrees", field="position")
    return CRS.from_proj4(f"+proj=aeqd +lat_0={float(lat)!r} +lon_0={float(lon)!r} +datum=WGS84 +units=m +no_defs")


def _resolution(path: Path, plane: CRS) -> float:
    """Side of a cell of a file, metres in the plane."""
    with rasterio.open(path) as data:
        transform, _, _ = calculate_default_transform(data.crs, plane, data.width, data.height, *data.bounds)
    return float(transform.a)


def _window(path: Path, plane: CRS, reach: int, cell: float) -> Heights:
    """A file in the grid of the patch, row 0 in the north; NaN where it has nothing."""
    edge, size = (reach + 0.5) * cell, 2 * reach + 1
    scale = min(1.0, _resolution(path, plane) / cell)  # without it, a turned grid counts as a coarser one: smoothed
    with (
        rasterio.open(path) as data,
        WarpedVRT(
            data,
            crs=plane,
            transform=from_origin(-edge, edge, cell, cell),
            width=size,
            height=size,
            resampling=Resampling.bilinear,
            dtype="float32",
            nodata=math.nan,
            tolerance=TOLERANCE,
            XSCALE=scale,
            YSCALE=scale,
        ) as warped,
    ):
        return np.asarray(warped.read(1), dtype=np.float32)


def _check(path: Path, bands: int, crs: CRS | None, unit: str | None) -> None:
    if bands != 1:
        raise InputError(f"{path.name} has {bands} bands; an elevation model has one", field="elevation")
    if crs is None:
        raise InputError(f"{path.name} does not say its projection; add it (gdal_edit -a_srs)", field="elevation")
    if (unit or "").strip().lower() not in METRES:
        raise InputError(f"{path.name} is in {unit}, not in metres; convert it (gdal_calc)", field="elevation")


def _check_heights(heights: Heights, lat: float, lon: float) -> None:
    """A value for "no data" that is not declared as such would be a mountain or an abyss."""
    if bool(np.isnan(heights).all()):
        raise InputError(f"the elevation data knows nothing around {lat:.5f} {lon:.5f}", field="position")
    odd = heights[(heights < LOWEST_M) | (heights > HIGHEST_M)]
    if odd.size:
        raise InputError(
            f"a height of {float(odd[0]):g} m: declare the value for no data (gdal_edit -a_nodata), or convert to"
            " metres",
            field="elevation",
        )
