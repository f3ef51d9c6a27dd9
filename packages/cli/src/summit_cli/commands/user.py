"""`summit user`: the people who may sign in by name and password."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway

_ROLES = ["viewer", "operator", "commander", "administrator"]
_PATH = "/v1/users"
_name = click.argument("name")
_password = click.option(
    "--password",
    prompt="First password (at least 12 characters)",
    hide_input=True,
    confirmation_prompt=True,
    envvar="SUMMIT_NEW_PASSWORD",
    help="Asked for when absent; it has to be changed at the next sign-in.",
)


@click.group()
def user() -> None:
    """Add people, switch them off and on, change what they may, and let them in again."""


@user.command("list")
@options.state_dir
@options.as_json
def list_(state_dir: Path, as_json: bool) -> None:
    """List them, by name."""
    found = asyncio.run(_all(state_dir))
    if as_json:
        click.echo(json.dumps({"items": found}))
        return
    for one in found:
        notes = [word for word, on in (("off", not one["active"]), ("one-time codes", one["totp"])) if on]
        click.echo(f"{one['name']:20} {one['role']:14} {one['organisation']:16} {', '.join(notes)}".rstrip())


@user.command()
@_name
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What he may do.")
@click.option("--organisation", help="Where he belongs; the administrator's own when absent.")
@_password
@options.state_dir
@options.as_json
def add(name: str, role: str, organisation: str | None, password: str, state_dir: Path, as_json: bool) -> None:
    """Add NAME. He has to choose a password of his own when he signs in."""
    body = {"name": name, "role": role, "password": password}
    made = asyncio.run(_post(state_dir, body | ({"organisation": organisation} if organisation else {})))
    click.echo(json.dumps(made) if as_json else f"{made['name']} may sign in as {made['role']}")


@user.command()
@_name
@options.state_dir
@options.as_json
def disable(name: str, state_dir: Path, as_json: bool) -> None:
    """Switch NAME off. All his sessions end within seconds."""
    _change(state_dir, name, {"active": False}, as_json, "is switched off; `summit user enable` lets him in again")


@user.command()
@_name
@options.state_dir
@options.as_json
def enable(name: str, state_dir: Path, as_json: bool) -> None:
    """Let NAME in again. He signs in anew."""
    _change(state_dir, name, {"active": True}, as_json, "may sign in again")


@user.command()
@_name
@click.argument("role", type=click.Choice(_ROLES))
@options.state_dir
@options.as_json
def role(name: str, role: str, state_dir: Path, as_json: bool) -> None:
    """Make NAME a ROLE. It holds at once, also where he is signed in."""
    _change(state_dir, name, {"role": role}, as_json, f"is {role} from now on")


@user.command()
@_name
@_password
@options.state_dir
@options.as_json
def reset(name: str, password: str, state_dir: Path, as_json: bool) -> None:
    """Let NAME begin anew, who lost his device or whose account was taken over.

    A new first password; one-time codes and passkeys are gone, and all his sessions end within seconds.
    """
    body = {"password": password, "totp": "off", "passkeys": "off"}
    told = "begins anew: give him the password, he has to change it, and sets up codes and passkeys again"
    _change(state_dir, name, body, as_json, told)


@user.command()
@_name
@_password
@options.state_dir
@options.as_json
def password(name: str, password: str, state_dir: Path, as_json: bool) -> None:
    """Give NAME a new first password. His passkeys are gone, and all his sessions end within seconds."""
    _change(state_dir, name, {"password": password}, as_json, "has a new password, to be changed at the next sign-in")


def _change(state_dir: Path, name: str, body: dict[str, Any], as_json: bool, told: str) -> None:
    changed = asyncio.run(_patch(state_dir, name, body))
    click.echo(json.dumps(changed) if as_json else f"{name} {told}")


async def _all(state_dir: Path) -> list[dict[str, Any]]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        answer = await gateway.get(_PATH)
    return list(answer["items"])


async def _post(state_dir: Path, body: dict[str, Any]) -> dict[str, Any]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        return dict(await gateway.post(_PATH, body))


async def _patch(state_dir: Path, name: str, body: dict[str, Any]) -> dict[str, Any]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        people = (await gateway.get(_PATH))["items"]
        found = next((one["id"] for one in people if one["name"] == name.lower()), None)
        if found is None:
            raise click.ClickException(f"there is no user {name}; see `summit user list`")
        return dict(await gateway.change("PATCH", f"{_PATH}/{found}", body))
