"""`summit health`: one answer for a script."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.commands.status import all_readiness

Reasons = dict[str, dict[str, str]]
POLL_S = 0.5


@click.command()
@options.state_dir
@click.option("--stack", is_flag=True, envvar="SUMMIT_STACK", help="Ask the compose stack, not `summit up`.")
@click.option("--within", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Wait so many seconds.")
@options.as_json
def health(state_dir: Path, stack: bool, within: float, as_json: bool) -> None:
    """Exit 0 if every service is ready, now or within the time given; else exit 1 and say which is not, and why."""
    reasons = _settled(_stack if stack else lambda: _embedded(state_dir), within)
    bad = {name: why for name, why in reasons.items() if why}
    if as_json:
        click.echo(json.dumps({"ready": not bad, "reasons": bad}))
    elif bad:
        for name, why in bad.items():
            click.echo(f"{name}: " + "; ".join(f"{what}: {reason}" for what, reason in why.items()))
    else:
        click.echo("ready")
    sys.exit(1 if bad else 0)


def _settled(ask: Callable[[], Reasons], within_s: float) -> Reasons:
    """The first answer without a reason, else the last one before the deadline."""
    deadline = time.monotonic() + within_s
    while any((reasons := ask()).values()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return reasons


def _embedded(state_dir: Path) -> Reasons:
    return asyncio.run(all_readiness(endpoints_file.read(state_dir / "endpoints.json")))


def _stack() -> Reasons:
    from summit_cli import containers  # only here: who has no engine needs none of it

    return containers.problems()
