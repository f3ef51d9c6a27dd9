"""`summit key`: API keys for people, programs and devices."""

import asyncio
import json
from datetime import UTC, datetime
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
@click.option("--scope", "scopes", multiple=True, help="Only this of what the role may, for example read; repeatable.")
@click.option("--organisation", help="Whose it is; the administrator's own when absent.")
@click.option("--expires", type=click.DateTime(), help="Until when (UTC) it holds.")
@options.state_dir
@options.as_json
def create(state_dir: Path, as_json: bool, scopes: tuple[str, ...], expires: datetime | None, **given: Any) -> None:
    """Make a key called NAME. It is shown once and stored nowhere in clear."""
    body = {name: value for name, value in given.items() if value} | ({"scopes": scopes} if scopes else {})
    if expires is not None:
        body["expires_at"] = expires.replace(tzinfo=UTC).isoformat()
    _show(asyncio.run(_post(state_dir, "/v1/keys", body)), as_json)


@key.command()
@click.argument("id")
@click.option(
    "--overlap", type=click.FloatRange(0, 720), default=24.0, show_default=True, help="Hours that the old one holds."
)
@options.state_dir
@options.as_json
def rotate(id: str, overlap: float, state_dir: Path, as_json: bool) -> None:
    """Make another key in the place of the one with this ID (the part after smt_). It is shown once."""
    _show(asyncio.run(_post(state_dir, f"/v1/keys/{id}/rotate", {"overlap_s": round(overlap * 3600)})), as_json)


def _show(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
    else:
        click.echo(f"{made['key']}\nthis is the only time it is shown", nl=True)


async def _post(state_dir: Path, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        made: dict[str, Any] = await gateway.post(path, body)
    return made
