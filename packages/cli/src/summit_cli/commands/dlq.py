"""`summit dlq`: the dead letters, which are the inputs that were refused."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway
from summit_cli.tables import print_whole

_COLUMNS = ("id", "at", "door", "subject", "code", "field", "source", "size")
_ids = click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID...")
_PATH = "/v1/dead-letters"


@click.group()
def dlq() -> None:
    """Read refused input (dead letters), send it again, or throw it away."""


@dlq.command("list")
@click.option("--code", help="Only those refused for this reason, for example invalid_field.")
@click.option("--source", help="Only those of this source; unknown are those that name none.")
@click.option("--door", type=click.Choice(["mqtt", "nats", "http"]), help="Only those that came in here.")
@click.option("--since", type=click.DateTime(), help="Only those refused at this time (UTC) or later.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--cursor", help="Where the page begins: `next` of the page before.")
@options.state_dir
@options.as_json
def list_(since: datetime | None, limit: int, state_dir: Path, as_json: bool, **wanted: str | None) -> None:
    """List them, newest first."""
    params = {name: value for name, value in wanted.items() if value} | {"limit": str(limit)}
    if since:
        params["since"] = since.replace(tzinfo=UTC).isoformat()
    page = _with_gateway(state_dir, lambda gateway: gateway.get(_PATH, **params))
    if as_json:
        click.echo(json.dumps(page))
    else:
        _print_page(page)


@dlq.command()
@click.argument("id", type=click.UUID)
@options.state_dir
@options.as_json
def show(id: UUID, state_dir: Path, as_json: bool) -> None:
    """Show the dead letter ID: why it was refused, and what was sent."""
    letter = _with_gateway(state_dir, lambda gateway: gateway.get(f"{_PATH}/{id}"))
    if as_json:
        click.echo(json.dumps(letter))
        return
    for name in (*_COLUMNS, "message"):
        if name in letter:
            click.echo(f"{name:8} {_plain(str(letter[name]))}")
    kept = "" if letter["complete"] else ", only the beginning was kept"
    click.echo(f"payload ({'text' if 'text' in letter else 'base64, it is not UTF-8'}{kept}):")
    click.echo(_plain(letter.get("text", letter["payload"])))


@dlq.command()
@_ids
@options.state_dir
@options.as_json
def replay(ids: tuple[UUID, ...], state_dir: Path, as_json: bool) -> None:
    """Send the original bytes of each ID through validation again, as if they came now.

    What was stored meanwhile is recognised and not stored twice; what still does not hold becomes a new dead letter.
    The old letter stays until `summit dlq drop`. Exit code 1 if one could not be replayed.
    """
    _each(ids, "POST", "/replay", "replayed", state_dir, as_json)


@dlq.command()
@_ids
@options.state_dir
@options.as_json
def drop(ids: tuple[UUID, ...], state_dir: Path, as_json: bool) -> None:
    """Throw each ID away for good. Exit code 1 if one is not there."""
    _each(ids, "DELETE", "", "dropped", state_dir, as_json)


def _each(ids: tuple[UUID, ...], method: str, action: str, done: str, state_dir: Path, as_json: bool) -> None:
    """Do it to each; one that is refused does not stop the others."""

    async def work(gateway: Gateway) -> list[tuple[str, int, Any]]:
        return [(str(id), *await gateway.ask(method, f"{_PATH}/{id}{action}")) for id in ids]

    answers = _with_gateway(state_dir, work)
    good = [{"id": id, **answer} for id, status, answer in answers if status < 400]
    bad = [{"id": id, "status": status, **_reason(answer)} for id, status, answer in answers if status >= 400]
    if as_json:
        click.echo(json.dumps({done: good, "refused": bad}))
    else:
        for one in good:
            click.echo(f"{one['id']} {done}" + (f" on {_plain(one['subject'])}" if "subject" in one else ""))
        for one in bad:
            click.echo(f"{one['id']} not {done}: {_plain(one['detail'])}", err=True)
    sys.exit(1 if bad else 0)


def _reason(problem: dict[str, Any]) -> dict[str, str]:
    return {name: str(problem.get(name, "")) for name in ("code", "detail")}


def _with_gateway(state_dir: Path, work: Callable[[Gateway], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
            return await work(gateway)

    return asyncio.run(run())


def _print_page(page: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    items = page["items"]
    table = Table(*_COLUMNS, title=f"{len(items)} dead letters" + (", and more" if page["next"] else ""))
    for letter in items:
        table.add_row(*(Text(_plain(str(letter.get(name, "")))) for name in _COLUMNS))
    print_whole(table)
    if page["next"]:
        click.echo(f"go on with --cursor {page['next']}", err=True)


def _plain(text: str) -> str:
    """Strangers wrote it: what would steer a terminal is shown as an escape."""
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)
