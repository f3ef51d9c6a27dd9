"""`summit device` (and `summit source`): registered sources, nodes and assets, and the credentials that they connect
with."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec
from summit_core.model.registration import RegistrationKind

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway
from summit_cli.tables import print_whole

_KINDS: Final = get_args(RegistrationKind)
_PATH: Final = "/v1/registrations"
_COLUMNS: Final = ("id", "kind", "link", "since", "node", "interval", "denied", "credentials", "why")
_id = click.argument("id")
_expires = click.option("--expires", type=click.DateTime(), help="Until when (UTC) the new credential holds.")


class _RefusedError(click.ClickException):
    """What the gateway refused. Exit code 1, and with --json the problem on stdout."""

    def __init__(self, problem: dict[str, Any], as_json: bool) -> None:
        super().__init__(str(problem.get("detail") or problem.get("code") or problem))
        if as_json:
            click.echo(json.dumps(problem))


@click.group()
def device() -> None:
    """Register sources, nodes and assets, and issue, rotate and revoke their credentials."""


@device.command()
@_id
@click.option("--kind", type=click.Choice(_KINDS), default="source", show_default=True, help="What it is.")
@click.option("--label", default="", help="What people call it.")
@click.option("--class", "class_", help="What sort it is, for example drone or camera.")
@click.option("--node", help="The registered node through which it speaks; it then gets no credential of its own.")
@click.option("--interval", type=click.FloatRange(0, min_open=True), help="Seconds between two messages.")
@click.option("--note", default="", help="For people.")
@_expires
@options.state_dir
@options.as_json
def register(id: str, state_dir: Path, as_json: bool, interval: float | None, **given: Any) -> None:
    """Register ID. Its credential is shown once and stored nowhere in clear."""
    stated = {name.rstrip("_"): value for name, value in given.items() if value and name != "expires"}
    body = stated | {"id": id} | _expiry(given["expires"])
    if interval is not None:
        body["expected_interval_s"] = interval
    _print_issued(_ask(state_dir, as_json, "POST", _PATH, body), as_json)


@device.command("list")
@click.option("--kind", type=click.Choice(_KINDS), help="Only these.")
@click.option("--link", type=click.Choice(["online", "stale", "offline", "never"]), help="Only those.")
@click.option("--node", help="Only what speaks through this node.")
@options.state_dir
@options.as_json
def list_(state_dir: Path, as_json: bool, **wanted: str | None) -> None:
    """List them with the state of their link, by id."""
    params = {name: value for name, value in wanted.items() if value}
    found = asyncio.run(_all(state_dir, params))
    if as_json:
        click.echo(json.dumps({"items": found}))
    else:
        print_table(found)


@device.command()
@_id
@click.option(
    "--overlap", type=click.FloatRange(0, 720), default=24.0, show_default=True, help="Hours that the old ones hold."
)
@_expires
@options.state_dir
@options.as_json
def rotate(id: str, overlap: float, expires: datetime | None, state_dir: Path, as_json: bool) -> None:
    """Issue a new credential for ID. It is shown once; the old ones hold for a while longer."""
    body = {"overlap_s": overlap * 3600.0} | _expiry(expires)
    _print_issued(_ask(state_dir, as_json, "POST", f"{_PATH}/{id}/rotate", body), as_json)


@device.command()
@_id
@click.option("--credential", help="Only this one (see list --json); without it all of them.")
@options.state_dir
@options.as_json
def revoke(id: str, credential: str | None, state_dir: Path, as_json: bool) -> None:
    """End the credentials of ID at once; who is connected with them is disconnected."""
    body = {"credential": credential} if credential else {}
    answer = _ask(state_dir, as_json, "POST", f"{_PATH}/{id}/revoke", body)
    click.echo(json.dumps(answer) if as_json else f"{id}: revoked")


@device.command()
@_id
@options.state_dir
@options.as_json
def remove(id: str, state_dir: Path, as_json: bool) -> None:
    """Take ID out of the registry. Its credentials end; what it sent stays."""
    _ask(state_dir, as_json, "DELETE", f"{_PATH}/{id}", None)
    click.echo(json.dumps({"removed": id}) if as_json else f"{id}: removed")


def print_table(registrations: list[dict[str, Any]]) -> None:
    """One line for each, for a person."""
    from rich import box
    from rich.table import Table

    table = Table(title=f"{len(registrations)} registered, times in UTC", box=box.SIMPLE, padding=0)
    for name in _COLUMNS:
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for one in registrations:
        row = one | {
            "since": str(one.get("link_since", ""))[5:19].replace("T", " "),
            "interval": one.get("expected_interval_s", ""),
            "credentials": sum(_holds(credential) for credential in one.get("credentials", [])),
            "denied": one.get("denied", 0),
            "why": one.get("link_reason", ""),
        }
        table.add_row(*(str(row.get(name, "")) for name in _COLUMNS))
    print_whole(table)


async def all_registrations(gateway: Gateway, **wanted: str) -> list[dict[str, Any]]:
    """Every registration with these values."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await gateway.get(_PATH, limit="1000", **wanted, **cursor)
        found += page["items"]
        if not page["next"]:
            return found
        cursor = {"cursor": page["next"]}


async def _all(state_dir: Path, wanted: dict[str, str]) -> list[dict[str, Any]]:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        return await all_registrations(gateway, **wanted)


def _ask(state_dir: Path, as_json: bool, method: str, path: str, body: dict[str, Any] | None) -> Any:
    async def run() -> tuple[int, Any]:
        async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
            content = None if body is None else msgspec.json.encode(body)
            headers = {"If-Match": "*"} if method == "DELETE" else {}
            return await gateway.ask(method, path, body=content, headers=headers)

    status, answer = asyncio.run(run())
    if status >= 400:
        raise _RefusedError(answer, as_json)
    return answer


def _expiry(expires: datetime | None) -> dict[str, str]:
    return {"expires_at": expires.replace(tzinfo=UTC).isoformat()} if expires else {}


def _holds(credential: dict[str, Any]) -> bool:
    ends = credential.get("expires_at")
    return "revoked_at" not in credential and (ends is None or datetime.fromisoformat(ends) > datetime.now(UTC))


def _print_issued(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
    elif answer["key"] is None:
        click.echo(f"{answer['registration']['id']}: registered; it speaks through {answer['registration']['node']}")
    else:
        name = answer["registration"]["id"]
        click.echo(answer["key"])
        click.echo(f"this is the only time it is shown. MQTT: user {name}, this as password. HTTP: Bearer", err=True)
