"""`summit health`: one answer for a script."""

import asyncio
import json
import sys
from pathlib import Path

import click

from summit_cli import endpoints_file
from summit_cli.commands import options
from summit_cli.commands.status import all_readiness


@click.command()
@options.state_dir
@options.as_json
def health(state_dir: Path, as_json: bool) -> None:
    """Exit 0 if every service is ready; else exit 1 and say which is not, and why."""
    reasons = asyncio.run(all_readiness(endpoints_file.read(state_dir / "endpoints.json")))
    bad = {name: why for name, why in reasons.items() if why}
    if as_json:
        click.echo(json.dumps({"ready": not bad, "reasons": bad}))
    elif bad:
        for name, why in bad.items():
            click.echo(f"{name}: " + "; ".join(f"{what}: {reason}" for what, reason in why.items()))
    else:
        click.echo("ready")
    sys.exit(1 if bad else 0)
