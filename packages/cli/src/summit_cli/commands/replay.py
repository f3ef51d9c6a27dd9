"""`summit replay`: a recording through the public ingest."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.gateway import Gateway
from summit_cli.replay import recording as recordings
from summit_cli.replay.account import Account
from summit_cli.replay.formats import READERS, detect
from summit_cli.replay.recording import Recording
from summit_cli.replay.sender import Sender
from summit_cli.tables import print_whole


class _Speed(click.ParamType[float]):
    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            speed = 0.0 if value == "max" else float(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor max", param, ctx)
        return speed if speed >= 0 else self.fail("must not be negative", param, ctx)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(["auto", *READERS]), default="auto", show_default=True)
@click.option("--speed", type=_Speed(), default="max", show_default=True, help="Times the recorded pace; 0 or max.")
@click.option(
    "--endpoints",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(options.DEFAULT_STATE_DIR, "endpoints.json"),
    show_default=True,
    help="endpoints.json of the installation that receives it.",
)
@click.option("--start", type=click.DateTime(), help="Time of the first record, UTC, where the format has no times.")
@options.as_json
def replay(file: Path, format_: str, speed: float, endpoints: Path, start: datetime | None, as_json: bool) -> None:
    """Feed the recording FILE through POST /v1/observations, and account for every record.

    Observations keep their recorded times and have ids that are the same in every run: a second run, or one after an
    interruption, stores nothing twice. Exit code 1 when records are unaccounted for.
    """
    began = start.replace(tzinfo=UTC) if start else recordings.DEFAULT_START
    recording = recordings.load(file, began)
    account = Account(recording.name, detect(recording) if format_ == "auto" else format_, notes=recording.notes)
    try:
        asyncio.run(_replay(recording, account, speed, endpoints, quiet=as_json))
    except KeyboardInterrupt:
        click.echo(f"stopped after {account.sent} sent; run the same command again, nothing is stored twice", err=True)
        sys.exit(130)
    except ValueError as error:  # msgspec.DecodeError among them: the file as a whole is not of this format
        raise click.ClickException(f"{file} is not {account.format}: {error}") from None
    if as_json:
        click.echo(json.dumps(account.as_dict()))
    else:
        _print(account)
    sys.exit(0 if account.complete else 1)


async def _replay(recording: Recording, account: Account, speed: float, endpoints: Path, *, quiet: bool) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(f"{recording.name}: connecting", total=None)

        def progress(now: Account) -> None:
            seconds = max(0.001, bar.tasks[task].elapsed or 0.0)
            rate = f"{now.sent / seconds:,.0f}/s"
            text = f"{now.recording}: {now.sent:,} sent, {rate}, {now.rejected.total():,} rejected"
            bar.update(task, description=text)

        async with Gateway(endpoints_file.read(endpoints)) as gateway:
            sender = Sender(gateway, account, speed, progress)
            await sender.run(READERS[account.format](recording))


def _print(account: Account) -> None:
    table = Table(title=f"{account.recording} ({account.format})", show_header=False)
    values = account.as_dict()
    for name in ("records", "sent", "accepted", "stored", "duplicate", "missing", "rejected", *account.notes):
        table.add_row(name.replace("_", " "), f"{values[name]:,}")
    for reason, count in account.rejected.most_common():
        table.add_row(f"  {reason}", f"{count:,}   e.g. {account.examples[reason]}")
    table.add_row("seconds", f"{account.seconds:.1f}")
    print_whole(table)
    if not account.complete:
        click.echo(
            f"{account.missing} accepted records are not stored yet; see `summit status`, then run this again", err=True
        )
