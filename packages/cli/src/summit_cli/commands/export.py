"""`summit export`: what was recorded in an area and an interval, as a file."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from summit_cli import endpoints_file, transfer
from summit_cli.commands import options

FORMATS = ("ndjson", "geojson", "kml", "gpx", "csv")


@click.command()
@click.option("--bbox", help="west,south,east,north in degrees.", metavar="BOX")
@click.option("--polygon", help='Positions as "lon,lat lon,lat lon,lat".', metavar="RING")
@click.option("--since", type=click.DateTime(), help="From this time (UTC) on; without it the day before --until.")
@click.option("--until", type=click.DateTime(), help="Before this time (UTC); without it until now.")
@click.option("--types", help="observations, entities, incidents, alerts … with commas; without it the first two.")
@click.option("--bundle", help="From this imported bundle instead of what was recorded here.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["ndjson", "geojson", "kml", "gpx", "csv"]),
    default="ndjson",
    show_default=True,
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default="-", help="File; - is stdout.")
@options.state_dir
@options.as_json
def export(
    since: datetime | None,
    until: datetime | None,
    format_: str,
    output: Path,
    state_dir: Path,
    as_json: bool,
    **wanted: str | None,
) -> None:
    """Write what was recorded in an area and an interval to a file, which is there only when it is whole."""
    params = {name: value for name, value in wanted.items() if value} | {"format": format_}
    params |= {
        name: value.replace(tzinfo=UTC).isoformat() for name, value in (("since", since), ("until", until)) if value
    }
    endpoints = endpoints_file.read(state_dir / "endpoints.json")
    size = asyncio.run(transfer.download(endpoints, "/v1/export", params, output))
    if as_json:
        click.echo(json.dumps({"output": str(output), "bytes": size}), err=output == transfer.STDOUT)
    elif output != transfer.STDOUT:
        click.echo(f"{output}: {size} bytes")
