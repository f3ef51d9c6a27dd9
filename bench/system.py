"""A whole Summit OS as its user starts it, and what its processes cost."""

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

SUMMIT = Path(sysconfig.get_path("scripts")) / "summit"


class Processes:
    """The programs of a running system, each with all its processes; PostgreSQL is one for each connection."""

    def __init__(self, state_dir: Path, supervisor: int) -> None:
        self._noted = state_dir / "processes.json"
        self._supervisor = supervisor

    def roots(self) -> dict[str, int]:
        """Process id of each program; another one after a restart."""
        noted = json.loads(self._noted.read_text())
        return {one["name"]: int(one["pid"]) for one in noted} | {"supervisor": self._supervisor}

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds of each program since it began: all its processes, also those that have ended.

        A process that ends is added by the kernel to what its parent's ended children used, so the sum loses nothing.
        """
        return {name: sum(map(_cpu_s, tree)) for name, tree in self._trees().items()}

    def memory_mb(self) -> dict[str, float]:
        """Memory of each program, MB of 2**20 bytes: proportional, so that what PostgreSQL shares counts once."""
        return {name: round(sum(map(_pss, tree)) / 2**20, 1) for name, tree in self._trees().items()}

    def own_mb(self) -> dict[str, float]:
        """Memory that each program has made itself, MB: what grows where something leaks.

        Without files that are mapped: their share depends on who else runs. Without PostgreSQL's shared buffers: they
        are of fixed size, and fill as the tables do.
        """
        return {name: round(sum(_own(pid, name) for pid in tree) / 2**20, 1) for name, tree in self._trees().items()}

    def _trees(self) -> dict[str, list[int]]:
        trees = {}
        for name, pid in self.roots().items():
            below = [] if name == "supervisor" else [one.pid for one in psutil.Process(pid).children(recursive=True)]
            trees[name] = [pid, *below]
        return trees


class System:
    """``summit up --scenario none``."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        command: list[str | Path] = [SUMMIT, "up", "--state-dir", self.state_dir, "--json", "--scenario", "none"]
        command += ["--port", str(free_port())]  # that of the default may be another system's, which would answer too
        with (folder / "up.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError(f"summit up ended without a word: {(folder / 'up.log').read_text()}")
        self.endpoints: dict[str, Any] = json.loads((self.state_dir / "endpoints.json").read_text())
        self.processes = Processes(self.state_dir, self._process.pid)

    @property
    def key(self) -> str:
        return (self.state_dir / "admin.key").read_text().strip()

    def stop(self) -> None:
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        self._process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[System]:
    """A fresh system in a temporary folder that PostgreSQL's own user may pass through; stopped and removed after."""
    folder = Path(tempfile.mkdtemp(prefix="summit-bench-"))
    folder.chmod(0o711)
    try:
        system = System(folder)
        try:
            yield system
        finally:
            system.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _pss(pid: int) -> int:
    return _share(pid).get("Pss", 0)


def _own(pid: int, program: str) -> int:
    share = _share(pid)
    return share.get("Pss_Anon", 0) + (share.get("Pss_Shmem", 0) if program != "postgres" else 0)


def _share(pid: int) -> dict[str, int]:
    """Bytes of each kind of memory; what several processes map counts as its part (``smaps_rollup`` of Linux)."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        return {name.rstrip(":"): int(size) * 1024 for name, size, *_ in map(str.split, lines)}
    return {}


def growth(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each program: median of the last fifth of the samples over the median of the first fifth. One sample says
    little: the broker's heap breathes by a tenth from one garbage collection to the next."""
    part = max(1, len(samples) // 5)
    return {
        name: round(
            statistics.median(one[name] for one in samples[-part:])
            / statistics.median(one[name] for one in samples[:part]),
            3,
        )
        for name in samples[0]
    }
