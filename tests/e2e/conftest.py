"""The whole system as its user starts it: `summit up`, real processes, public interfaces only."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

T = TypeVar("T")
READY_WITHIN_S = 60.0
SUMMIT = Path(sysconfig.get_path("scripts")) / "summit"


class System:
    """One running Summit OS and its state folder."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        self.state_dir = state_dir
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}
        self.endpoints: dict[str, Any] = {}

    def start(self) -> None:
        command = [SUMMIT, "up", "--state-dir", self.state_dir, "--json", *self._options]
        with (self.state_dir.parent / f"{self.state_dir.name}-up.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"summit up ended without a word (exit code {self._process.wait()}): see {log.name}"
        self.ready = json.loads(line)
        self.endpoints = json.loads((self.state_dir / "endpoints.json").read_text())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def key(self) -> str:
        return (self.state_dir / "admin.key").read_text().strip()

    def stop(self) -> float:
        """Ask it to stop; returns how long it took, in seconds."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=20)
        self._close()
        return time.monotonic() - started

    def run(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """A `summit` command against this system."""
        return subprocess.run(
            [SUMMIT, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.state_dir.parent,
            check=False,
        )

    def processes(self, name: str) -> list[int]:
        """The ids of the running processes of one service: children of our supervisor with that module name."""
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if name.encode() in words and parent == self.pid:
                    found.append(int(folder.name))
        return found

    def children(self) -> list[int]:
        """Every process that the supervisor started and that still runs."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def die(self) -> None:
        """kill -9 of the supervisor itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def kill(self, name: str) -> None:
        """kill -9 every process of one service."""
        victims = self.processes(name)
        assert victims, f"{name} is not running"
        for pid in victims:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., System]]:
    """Start systems; all that still run are stopped at the end of the module."""
    systems: list[System] = []

    def start(*options: str) -> System:
        system = System(tmp_path_factory.mktemp("summit") / "state", *options)
        systems.append(system)
        system.start()
        return system

    yield start
    for system in systems:
        if system._process is not None and system._process.poll() is None:
            system.stop()


@pytest.fixture(scope="module")
def system(launch: Callable[..., System]) -> System:
    """A system without a scenario: only what the test sends is in it."""
    return launch("--scenario", "none")


class Api:
    """The REST interface, as an integrator would call it."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def get(self, path: str) -> Any:
        async with self.session.get(self.base + path) as response:
            assert response.status == 200, f"{path}: {response.status} {await response.text()}"
            return await response.json(content_type=None)

    async def items(self, path: str) -> list[dict[str, Any]]:
        answer = await self.get(path)
        return list(answer["items"])

    async def post(self, path: str, body: Any = None, *, data: bytes | None = None, **headers: str) -> tuple[int, Any]:
        content = json.dumps(body).encode() if data is None else data
        named = {"Content-Type": "application/json"} | headers
        async with self.session.post(self.base + path, data=io.BytesIO(content), headers=named) as response:
            return response.status, await response.json(content_type=None)


@pytest.fixture
async def api(system: System) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {system.key}"}) as session:
        yield Api(session, system.endpoints["gateway"])


@pytest.fixture
def api_of() -> Callable[[System], Any]:
    """The REST interface of a system that a test launched itself; use as ``async with``."""

    class Opened:
        def __init__(self, system: System) -> None:
            self._system = system

        async def __aenter__(self) -> Api:
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._system.key}"})
            return Api(self._session, self._system.endpoints["gateway"])

        async def __aexit__(self, *_: object) -> None:
            await self._session.close()

    return Opened


Wait = Callable[..., Awaitable[Any]]


@pytest.fixture
def eventually() -> Wait:
    """Wait until an asynchronous question has a true answer; returns the answer."""

    async def wait(ask: Callable[[], Awaitable[T]], *, within_s: float, what: str) -> T:
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            answer = await ask()
            if answer:
                return answer
            assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {within_s} s"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recordings; they lie beside a checkout of the project, a user's clone does not have them."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recordings (shared/data beside the project) are not here")
    return folder
