"""`summit key`: API keys for people, programs and devices."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from summit_core.model import Role

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway, successful

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
    _show(asyncio.run(_ask(state_dir, "POST", "/v1/keys", body)), as_json)


@key.command()
@click.argument("id")
@click.option(
    "--overlap", type=click.FloatRange(0, 720), default=24.0, show_default=True, help="Hours that the old one holds."
)
@options.state_dir
@options.as_json
def rotate(id: str, overlap: float, state_dir: Path, as_json: bool) -> None:
    """Make another key in the place of the one with this ID (the part after smt_). It is shown once."""
    _show(asyncio.run(_ask(state_dir, "POST", f"/v1/keys/{id}/rotate", {"overlap_s": round(overlap * 3600)})), as_json)


@key.command("list")
@options.state_dir
@options.as_json
def list_(state_dir: Path, as_json: bool) -> None:
    """List the keys without their secrets, and which of them still open something."""
    found = asyncio.run(_ask(state_dir, "GET", "/v1/keys"))["items"]
    if as_json:
        click.echo(json.dumps({"items": found}))
        return
    for one in found:
        used = f"last used {one['last_used_at']}" if one.get("last_used_at") else "never used"
        click.echo(f"{one['id']:13} {one['role']:14} {one['organisation']:16} {_state(one):24} {used:34} {one['name']}")


@key.command()
@click.argument("id")
@options.state_dir
@options.as_json
def revoke(id: str, state_dir: Path, as_json: bool) -> None:
    """Revoke the key with this ID (the part after smt_) for good. What it holds open ends within seconds."""
    asyncio.run(_ask(state_dir, "DELETE", f"/v1/keys/{id}"))
    click.echo(
        json.dumps({"revoked": id}) if as_json else f"{id} opens nothing any more; `summit key create` makes another"
    )


def _state(one: dict[str, Any]) -> str:
    if one.get("revoked_at"):
        return "revoked"
    until = one.get("expires_at")
    if until is None:
        return "holds"
    return f"{'holds until' if datetime.fromisoformat(until) > datetime.now(UTC) else 'ended'} {until[:10]}"


def _show(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
    else:
        click.echo(f"{made['key']}\nthis is the only time it is shown", nl=True)


async def _ask(state_dir: Path, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        status, answer = await gateway.ask(method, path, body=None if body is None else msgspec.json.encode(body))
    if status == 404 or (status == 422 and body is None):
        raise click.ClickException("there is no such key; `summit key list` shows the ID of each")
    return dict(successful(status, answer))
