"""`summit firms`: satellite hot spots to fires, offline."""

import json
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from summit_cli.commands import options

if TYPE_CHECKING:
    from summit_fusion.hotspots import Fire

PROBLEMS_SHOWN = 20


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--output", "target", type=click.Path(dir_okay=False), help="Write the fires as GeoJSON to this file.")
@options.as_json
def firms(file: str, target: str | None, as_json: bool) -> None:
    """Group the hot spots of a FIRMS file (VIIRS or MODIS CSV; - is stdin) into fires with outline and growth.

    A row that cannot be read is named on stderr and costs no other row; the exit code is then 1. An error that FIRMS
    sent instead of data is told as such, with exit code 2. `seconds` are those of reading and grouping.
    """
    from summit_core.errors import InputError
    from summit_fusion.hotspots import cluster, fires_of, read

    with click.open_file(file, "rb") as opened:
        data = opened.read()
    began = time.perf_counter()
    try:
        spots, problems = read(data)
    except InputError as error:
        click.echo(f"{file}: {error.detail}", err=True)
        sys.exit(2)
    numbers = cluster(spots)
    seconds = time.perf_counter() - began
    fires = list(fires_of(spots, numbers))
    for problem in problems[:PROBLEMS_SHOWN]:
        click.echo(f"line {problem.line}: {problem.field}: {problem.detail}", err=True)
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(f"… and {len(problems) - PROBLEMS_SHOWN} more", err=True)
    if target is not None:
        Path(target).write_text(json.dumps(geojson(fires)) + "\n", encoding="utf-8")
    summary = {
        "rows": len(spots) + len(problems),
        "hotspots": len(spots),
        "rejected": len(problems),
        "fires": len(fires),
        "seconds": round(seconds, 4),
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _show(fires, summary)
    sys.exit(1 if problems else 0)


def geojson(fires: "Iterable[Fire]") -> dict[str, Any]:
    """A FeatureCollection (RFC 7946) of outlines; figures that were not given are null."""
    return {"type": "FeatureCollection", "features": [_feature(fire) for fire in fires]}


def _feature(fire: "Fire") -> dict[str, Any]:
    growth = [
        {"at": one.at.isoformat(), "spots": one.spots, "area_ha": one.area_ha, "frp_mw": _number(one.frp_mw)}
        for one in fire.growth
    ]
    properties = {
        "lat": fire.lat,
        "lon": fire.lon,
        "first_at": fire.first_at.isoformat(),
        "last_at": fire.last_at.isoformat(),
        "spots": fire.spots,
        "area_ha": fire.area_ha,
        "frp_mw": _number(fire.frp_mw),
        "confidence": fire.confidence,
        "rate_ha_h": fire.rate_ha_h,
        "satellites": list(fire.satellites),
        "growth": growth,
    }
    geometry = {"type": "MultiPolygon", "coordinates": fire.ground.polygons()}
    return {"type": "Feature", "id": fire.id, "geometry": geometry, "properties": properties}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 2)


def _show(fires: "list[Fire]", summary: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        *("last seen", "place", "spots", "area, ha", "power, MW", "growing, ha/h"), title="fires, largest first"
    )
    for fire in sorted(fires, key=lambda one: -one.area_ha)[:20]:
        power, rate = _number(fire.frp_mw), fire.rate_ha_h
        place = f"{fire.lat:.4f} {fire.lon:.4f}"
        table.add_row(
            *(f"{fire.last_at:%Y-%m-%d %H:%M}Z", place, str(fire.spots), f"{fire.area_ha:,.0f}"),
            *("" if power is None else f"{power:,.0f}", "" if rate is None else f"{rate:,.1f}"),
        )
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in summary.items()))
