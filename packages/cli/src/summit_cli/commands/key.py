"""`summit key`: API keys for people, programs and devices."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click
from summit_core.model import Role

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway

# the role "service" belongs to the services themselves
_ROLES = [role.value for role in Role if role is not Role.SERVICE]


@click.group()
def key() -> None:
    """Manage API keys."""


@key.command()
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What the key may do.")
@options.state_dir
@options.as_json
def create(name: str, role: str, state_dir: Path, as_json: bool) -> None:
    """Make a key called NAME. It is shown once and stored nowhere in clear."""
    made = asyncio.run(_create(state_dir, name, role))
    if as_json:
        click.echo(json.dumps(made))
    else:
        click.echo(f"{made['key']}\nthis is the only time it is shown", nl=True)


async def _create(state_dir: Path, name: str, role: str) -> dict[str, Any]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        made: dict[str, Any] = await gateway.post("/v1/keys", {"name": name, "role": role})
    return made
