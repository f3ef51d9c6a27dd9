"""`summit viewshed`: what cameras see of a terrain, and what none of them sees, offline."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from summit_cli.commands import options

if TYPE_CHECKING:
    from summit_fusion.terrain import Camera, Coverage, MultiPolygon, Patch, Viewshed
    from summit_fusion.terrain.elevation import Elevation


class _Place(click.ParamType[tuple[float, float, float]]):
    """``LAT,LON,HEIGHT`` as three numbers."""

    name = "lat,lon,height"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        try:
            lat, lon, height = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not LAT,LON,HEIGHT (degrees, degrees, metres above the ground)", param, ctx)
        return lat, lon, height


@click.command()
@click.option(
    "--elevation", "files", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True, required=True
)
@click.option(
    "--camera", "places", type=_Place(), multiple=True, required=True, help="LAT,LON,HEIGHT; may be repeated."
)
@click.option("--radius-km", default=20.0, show_default=True, type=click.FloatRange(0.1, 100.0))
@click.option("--above-m", default=0.0, show_default=True, help="Count as seen what stands so high above the ground.")
@click.option("--least-ha", default=1.0, show_default=True, help="Leave out islands and holes smaller than this.")
@click.option("--output", "target", type=click.Path(dir_okay=False), help="Write the areas as GeoJSON to this file.")
@options.as_json
def viewshed(
    files: tuple[Path, ...],
    places: tuple[tuple[float, float, float], ...],
    radius_km: float,
    above_m: float,
    least_ha: float,
    target: str | None,
    as_json: bool,
) -> None:
    """What one camera or several see of a terrain, given by elevation files (GeoTIFF and what GDAL reads, in metres).

    The areas are those of each camera, of all that two or more see (a position needs two), and the blind spots within
    range. `seconds` are those of the lines of sight, without reading and writing.
    """
    from summit_core.errors import InputError
    from summit_fusion.terrain import Camera, coverage
    from summit_fusion.terrain import viewshed as viewshed_of
    from summit_fusion.terrain.elevation import Elevation

    cameras = [Camera(*place) for place in places]
    try:
        terrain = _terrain(Elevation.of(files), cameras, 1000.0 * radius_km)
        began = time.process_time()
        views = [viewshed_of(terrain, camera, 1000.0 * radius_km) for camera in cameras]
        seconds = time.process_time() - began
        seen = coverage(views, above_m)
    except InputError as error:
        raise click.ClickException(f"{error.field}: {error.detail}") from None
    if target is not None:
        page = geojson(views, seen, above_m, least_ha)
        Path(target).write_text(json.dumps(page) + "\n", encoding="utf-8")
    summary = _summary(views, seen, above_m) | {"seconds": round(seconds, 3)}
    click.echo(json.dumps(summary) if as_json else _text(summary))


def _terrain(elevation: "Elevation", cameras: "list[Camera]", radius_m: float) -> "Patch":
    """One patch for all cameras: around the first, wide enough for the furthest."""
    from summit_core.geo import distance_m

    first = cameras[0]
    furthest = max(distance_m(first.lat, first.lon, one.lat, one.lon) for one in cameras)
    return elevation.around(first.lat, first.lon, radius_m + 1.01 * furthest)


def _summary(views: "list[Viewshed]", seen: "Coverage", above_m: float) -> dict[str, Any]:
    km2 = (seen.terrain.cell_m / 1000.0) ** 2
    area = int(seen.area.sum())
    return {
        "cell_m": round(seen.terrain.cell_m, 3),
        "area_km2": round(area * km2, 3),
        "seen_km2": round((area - int(seen.blind.sum())) * km2, 3),
        "blind_km2": round(int(seen.blind.sum()) * km2, 3),
        "seen_by_two_km2": round(int((seen.area & (seen.cameras >= 2)).sum()) * km2, 3),
        "cameras_km2": [round(int(view.seen(above_m).sum()) * km2, 3) for view in views],
    }


def geojson(views: "list[Viewshed]", seen: "Coverage", above_m: float, least_ha: float) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946): ``what`` is ``camera``, ``two`` or ``blind``."""
    from summit_fusion.terrain import polygons

    terrain = seen.terrain
    least = max(1, round(least_ha * 10_000.0 / terrain.cell_m**2))
    features = []
    for view in views:
        one = view.camera
        properties = {"what": "camera", "lat": one.lat, "lon": one.lon, "height_m": one.height_m}
        features.append(_feature(polygons(terrain, view.seen(above_m), least), properties))
    features.append(_feature(polygons(terrain, seen.area & (seen.cameras >= 2), least), {"what": "two"}))
    features.append(_feature(polygons(terrain, seen.blind, least), {"what": "blind"}))
    return {"type": "FeatureCollection", "features": features}


def _feature(coordinates: "MultiPolygon", properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": "MultiPolygon", "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _text(summary: dict[str, Any]) -> str:
    each = ", ".join(f"{area:,.1f}" for area in summary["cameras_km2"])
    return (
        f"{summary['area_km2']:,.1f} km2 in range: {summary['seen_km2']:,.1f} seen, {summary['seen_by_two_km2']:,.1f}"
        f" by two or more, {summary['blind_km2']:,.1f} blind; each camera: {each} km2"
    )
