"""`summit status`: each service with its reasons, each source with its account."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.commands.device import all_registrations, print_table
from summit_cli.endpoints_file import Endpoints
from summit_cli.gateway import Gateway
from summit_cli.supervisor.probe import readiness
from summit_cli.supervisor.services import GATEWAY
from summit_cli.tables import print_whole

_COUNTS = ("received", "stored", "duplicate", "rejected", "late", "gaps")
_COLUMNS = ("id", "freshness", "silent_since", "rate", *_COUNTS, "last_heard")
_TIMES = ("last_heard", "silent_since")
_TOTALS = ("received", "stored", "duplicate", "rejected", "gaps")


@click.command()
@options.state_dir
@options.as_json
def status(state_dir: Path, as_json: bool) -> None:
    """Show whether each service is ready, and why not, what became of what each source sent, and who is there."""
    endpoints = endpoints_file.read(state_dir / "endpoints.json")
    state = asyncio.run(_state(endpoints))
    if as_json:
        click.echo(json.dumps(state))
        return
    for name, reasons in state["services"].items():
        click.echo(f"{name:14} {'ready' if not reasons else 'NOT READY'}")
        for what, reason in reasons.items():
            click.echo(f"{'':14}   {what}: {reason}")
    _print_sources(state["sources"])
    if state["registrations"]:
        print_table(state["registrations"])


async def all_readiness(endpoints: Endpoints) -> dict[str, dict[str, str]]:
    """The reasons of each service; empty for one that is ready."""
    names = list(endpoints.services)
    answers = await asyncio.gather(*(readiness(endpoints.services[name], tls=endpoints.tls) for name in names))
    return dict(zip(names, answers, strict=True))


async def _state(endpoints: Endpoints) -> dict[str, Any]:
    services = await all_readiness(endpoints)
    sources: list[dict[str, Any]] = []
    registrations: list[dict[str, Any]] = []
    if not services.get(GATEWAY):  # one that does not answer would only make us wait
        async with Gateway(endpoints) as gateway:
            sources = (await gateway.get("/v1/sources")).get("items", [])
            registrations = await all_registrations(gateway)
    return {"gateway": endpoints.gateway, "services": services, "sources": sources, "registrations": registrations}


def _print_sources(sources: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    totals = ", ".join(f"{sum(source.get(name, 0) for source in sources)} {name}" for name in _TOTALS)
    silent = sum(bool(source.get("silent")) for source in sources)
    click.echo(f"{len(sources)} sources, {silent} silent: {totals}; times in UTC")  # a title is as narrow as its table
    table = Table(box=box.SIMPLE, padding=0)
    told = [_told(source) for source in sources]
    columns = [name for name in _COLUMNS if name == "id" or any(one[name] not in {"", "0"} for one in told)]
    for name in columns:  # a cut id could not be looked up, so another column gives way on a narrow screen
        table.add_column(name.replace("_", " "), no_wrap=name == "id", overflow="fold")
    for one in told:
        table.add_row(*(one[name] for name in columns))
    print_whole(table)


def _told(source: dict[str, Any]) -> dict[str, str]:
    """What the columns say of a source; where all say nothing, the column is left out (``--json`` has it)."""
    times = {name: str(source.get(name) or "")[5:19].replace("T", " ") for name in _TIMES}
    return {name: str((source | times).get(name, "")) for name in _COLUMNS}
