"""What the supervisor says: one line to the terminal, the same as JSON to its log."""

import time
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec


@dataclass(frozen=True, slots=True)
class Report:
    """Writes to stderr and to ``logs/supervisor.log``."""

    log: Path

    def __call__(self, event: str, *, level: str = "info", **facts: object) -> None:
        line = {"time": _now(), "level": level, "service": "supervisor", "event": event, **facts}
        with self.log.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
        if level != "debug":
            click.echo(f"summit: {event}", err=True)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for a failure message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return b"\n".join(file.read().splitlines()[-count:]).decode(errors="replace")
    except OSError:
        return ""
