"""Processes that an earlier supervisor left behind: found by its notes, killed only if they are still those."""

import os
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from summit_cli.state import write_private
from summit_cli.supervisor.program import kill_group

CLOCK_SLACK_S = 5.0
"""Between our note of a start and the kernel's; a process id is not reused for the same command that fast."""


class Started(Struct, frozen=True, kw_only=True):
    """What is written down of each start. The arguments hold no secret: those travel in the environment."""

    name: str
    pid: int
    at: float
    argv: tuple[str, ...]


def write(path: Path, started: list[Started]) -> None:
    write_private(path, msgspec.json.encode(started))


def clean(path: Path) -> list[str]:
    """Kill what is left of the last run; the names of what was found."""
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=list[Started])
    except (FileNotFoundError, msgspec.DecodeError):
        return []
    found = [process for process in noted if _is_alive(process.pid) and _is_the_same(process)]
    for process in found:
        kill_group(process.pid)
    deadline = time.monotonic() + 5.0
    while any(_is_alive(process.pid) and _is_the_same(process) for process in found) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [process.name for process in found]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_the_same(noted: Started) -> bool:
    import psutil  # only when a noted process id is in use: it costs 5 MB that the supervisor would keep

    try:
        process = psutil.Process(noted.pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and abs(process.create_time() - noted.at) < CLOCK_SLACK_S
            and tuple(process.cmdline())[1:] == noted.argv[1:]
        )
    except psutil.Error:
        return False
