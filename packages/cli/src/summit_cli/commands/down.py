"""`summit down`: stop a running installation."""

import os
import signal
import time
from pathlib import Path

import click

from summit_cli.commands import options
from summit_cli.state import StateDir

WITHIN_S = 10.0


@click.command()
@options.state_dir
def down(state_dir: Path) -> None:
    """Stop the `summit up` that runs on this folder. Its data stay."""
    state = StateDir(state_dir)
    pid = state.holder()
    if pid is None:
        click.echo(f"nothing runs on {state_dir}")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + WITHIN_S
    while state.holder() == pid:
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"process {pid} did not stop within {WITHIN_S:.0f} s; see {state.log('supervisor')}"
            )
        time.sleep(0.05)
    click.echo("stopped")
