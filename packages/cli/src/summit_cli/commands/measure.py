"""`summit measure`: figures of a running installation."""

import json
from pathlib import Path
from typing import Any

import click

from summit_cli.commands import options
from summit_cli.state import StateDir


@click.group()
def measure() -> None:
    """Measure a running installation."""


@measure.command()
@options.state_dir
def memory(state_dir: Path) -> None:
    """Memory of all processes as JSON: proportional set size, so that shared pages count once."""
    pid = StateDir(state_dir).holder()
    if pid is None:
        raise click.ClickException(f"nothing runs on {state_dir}; start it with `summit up`")
    click.echo(json.dumps(tree_memory(pid)))


def tree_memory(pid: int) -> dict[str, Any]:
    """``pss_mb`` of a process and its descendants, and of each by name (MB of 2**20 bytes)."""
    import psutil

    root = psutil.Process(pid)
    by_process: dict[str, float] = {}
    for process in (root, *root.children(recursive=True)):
        try:
            name, size = _name(process, root), process.memory_full_info().pss / 2**20
        except psutil.NoSuchProcess:  # it ended while we counted
            continue
        except psutil.AccessDenied:
            raise click.ClickException(f"may not read the memory of process {process.pid}; run as its user") from None
        by_process[name] = by_process.get(name, 0.0) + size
    return {
        "pss_mb": round(sum(by_process.values()), 1),
        "by_process": {name: round(size, 1) for name, size in sorted(by_process.items())},
    }


def _name(process: Any, root: Any) -> str:
    """``summit_fusion`` for ``python -m summit_fusion``, else the program; all of PostgreSQL is one name."""
    if process == root:
        return "supervisor"
    command = process.cmdline()
    return str(command[2]) if len(command) > 2 and command[1] == "-m" else str(process.name())
