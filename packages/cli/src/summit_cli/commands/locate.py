"""`summit locate`: bearings to positions, offline."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from summit_cli.commands import options

SHOWN_EVERY = 100


@dataclass(slots=True)
class Tally:
    """``cases = located + ambiguous + rejected``; ``seconds`` were spent on localisation alone."""

    located: int = 0
    ambiguous: int = 0
    rejected: int = 0
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        return self.located + self.ambiguous + self.rejected

    def as_dict(self) -> dict[str, int | float | None]:
        answered = self.located + self.ambiguous
        return {
            "cases": self.cases,
            "located": self.located,
            "ambiguous": self.ambiguous,
            "rejected": self.rejected,
            "ms_per_case": round(1000 * self.seconds / answered, 4) if answered else None,
        }


@click.command()
@click.option("--input", "source", type=click.Path(exists=True, dir_okay=False, allow_dash=True), required=True)
@click.option("--output", "target", type=click.Path(dir_okay=False, allow_dash=True), required=True)
@options.as_json
def locate(source: str, target: str, as_json: bool) -> None:
    """Locate what several cameras see: a case a line in, a fix a line out, both JSON; - is stdin or stdout.

    \b
    case: {"id", "bearings": [{"lat", "lon", "azimuth_deg", "sigma_deg"}]}
    fix:  {"id", "ambiguous", "hypotheses": [{"lat", "lon", "cov_m2", "weight"}], "reason"?}

    A line that cannot be read is named on stderr and costs no other line; the exit code is then 1. With --json the last
    line on stdout counts: cases = located + ambiguous + rejected, and the mean time of a localisation.
    """
    if "-" not in (source, target) and Path(target).exists() and Path(source).samefile(target):
        raise click.UsageError("--input and --output are the same file; choose another output")
    tally = Tally()
    try:
        with click.open_file(source, "rb") as cases, click.open_file(target, "wb") as fixes:
            _locate_all(cases, fixes, tally)
    except OSError as error:
        raise click.ClickException(f"stopped after {tally.cases} cases: {error}") from None
    summary = tally.as_dict()
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(", ".join(f"{name} {value}" for name, value in summary.items()), err=True)
    sys.exit(1 if tally.rejected else 0)


def _locate_all(cases: IO[bytes], fixes: IO[bytes], tally: Tally) -> None:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from summit_core import wire
    from summit_core.errors import InputError
    from summit_fusion.locate import locate as fix_of

    from summit_cli.cases import Answer, read

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("0 cases", total=None)
        for line, case in read(cases):
            if isinstance(case, InputError):
                tally.rejected += 1
                click.echo(f"line {line}: {case.detail}", err=True)
                continue
            began = time.perf_counter()
            fix = fix_of(case.lines)
            tally.seconds += time.perf_counter() - began
            tally.ambiguous += fix.ambiguous
            tally.located += not fix.ambiguous
            fixes.write(wire.encode(Answer.of(case, fix)) + b"\n")
            if tally.cases % SHOWN_EVERY == 0:
                bar.update(task, description=f"{tally.cases:,} cases, {tally.rejected:,} rejected")
