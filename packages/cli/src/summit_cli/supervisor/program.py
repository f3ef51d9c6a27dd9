"""A program to run: what to start, as whom, and how it is stopped."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from summit_cli.supervisor import wrapping

MAX_LOG_BYTES = 10 * 1024 * 1024


class Stage(IntEnum):
    """The order of stopping: what feeds goes first, what stores goes last."""

    SCENARIO = 0
    SERVICE = 1
    SERVER = 2


@dataclass(frozen=True, slots=True)
class Account:
    """The system user to run as, when we are root and the program refuses to be."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """``ends`` means that exit code 0 is its end and not a death; ``plain`` that its stderr is no JSON."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    stage: Stage
    stop_signal: signal.Signals = signal.SIGTERM
    ends: bool = False
    plain: bool = False
    account: Account | None = None


async def spawn(program: Program, log: Path) -> asyncio.subprocess.Process:
    """Start it in a session of its own (Ctrl-C reaches only the supervisor), its output appended to ``log``."""
    _rotate(log)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.PIPE if program.plain else output,
            env=program.env,
            start_new_session=True,
            preexec_fn=die_with_parent(),
            **credentials(program.account),
        )
    if process.stderr is not None:
        level = "info" if program.stage is Stage.SERVER else "error"
        wrapping.follow(process.stderr, log, program.name, level=level)
    return process


def credentials(account: Account | None) -> dict[str, Any]:
    """The arguments of ``subprocess`` that drop root for good."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def die_with_parent() -> Callable[[], None] | None:
    """A hook for the child, run after it changed its user and before it executes: the kernel kills it when we die.

    So not even ``kill -9`` of the supervisor leaves an orphan. Our programs are safe to kill: JetStream holds what was
    accepted, PostgreSQL recovers from its log. Elsewhere than on Linux the next start cleans up (``leftovers``).
    """
    if sys.platform != "linux":
        return None
    prctl, parent, set_parent_death_signal = ctypes.CDLL(None).prctl, os.getpid(), 1

    def link() -> None:
        prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the link was made
            os._exit(1)

    return link


def kill_group(pid: int) -> None:
    """What is left of a program's session; nothing is left of most."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def describe_exit(code: int) -> str:
    """``killed by SIGKILL`` or ``exit code 2``."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
