"""`summit bundle`: one incident with all that belongs to it, as a file that another installation can read."""

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

import click

from summit_cli import endpoints_file, transfer
from summit_cli.commands import options


@click.group()
def bundle() -> None:
    """Hand an incident on as a file, with all that it rests on, and read such a file."""


@bundle.command("export")
@click.argument("incident")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File; INCIDENT.zip without it.")
@options.state_dir
@options.as_json
def export_(incident: str, output: Path | None, state_dir: Path, as_json: bool) -> None:
    """Write the bundle of INCIDENT."""
    path = output or Path(f"{incident.replace(':', '-')}.zip")
    endpoints = endpoints_file.read(state_dir / "endpoints.json")
    size = asyncio.run(transfer.download(endpoints, f"/v1/incidents/{quote(incident, safe='')}/bundle", {}, path))
    click.echo(json.dumps({"output": str(path), "bytes": size}) if as_json else f"{path}: {size} bytes")


@bundle.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.state_dir
@options.as_json
def import_(file: Path, state_dir: Path, as_json: bool) -> None:
    """Import FILE. It is kept apart: read it with `bundle=<id>`, nothing of it shows in the live picture."""
    endpoints = endpoints_file.read(state_dir / "endpoints.json")
    with file.open("rb") as opened:
        made = asyncio.run(transfer.upload(endpoints, "/v1/bundles", opened, "application/zip"))
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"{made['id']}: {made['title']} ({made['incident']}), {made['since']} to {made['until']}")
    for part in made["parts"]:
        click.echo(f"  {part['name']:13} {part['count']}")
