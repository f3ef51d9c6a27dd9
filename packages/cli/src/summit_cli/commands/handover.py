"""`summit handover`: what the next shift has to know."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _since(_: click.Context, __: click.Parameter, text: str) -> datetime:
    if match := re.fullmatch(r"(\d{1,4})([mhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: write 8h, 90m, 2d, or a time such as 2026-01-31T06:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command()
@click.option(
    "--since", callback=_since, default="8h", show_default=True, help="Beginning of the shift: 8h, or a time."
)
@click.option("--html", "as_html", is_flag=True, help="Print a page to be read or printed.")
@options.state_dir
@options.as_json
def handover(since: datetime, as_html: bool, state_dir: Path, as_json: bool) -> None:
    """Brief the next shift: open incidents, alerts, tasks, decisions, silent sensors. Each names what it rests on."""
    brief = asyncio.run(_get(state_dir, since))
    if as_json:
        click.echo(json.dumps(brief))
    elif as_html:
        from summit_cli.brief import page

        click.echo(page(brief))
    else:
        _print(brief)


async def _get(state_dir: Path, since: datetime) -> Any:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        return await gateway.get("/v1/handover", since=since.isoformat())


def _print(brief: dict[str, Any]) -> None:
    click.echo(f"Hand-over, {brief['organisation']}: {brief['since'][:16]} to {brief['until'][:16]} UTC")
    for section in brief["sections"]:
        click.echo(f"\n{section['title']}" + ("" if section["statements"] else ": none"))
        for one in section["statements"]:
            _line(one, "  ")
        if section["left_out"]:
            click.echo(f"  and {section['left_out']} more")


def _line(one: dict[str, Any], indent: str) -> None:
    at = f"{one['at'][11:16]} " if one.get("at") else ""
    click.echo(f"{indent}{at}{one['text']}  [{', '.join(one['cites'])}]")
    for more in one.get("details", ()):
        _line(more, indent + "    ")
