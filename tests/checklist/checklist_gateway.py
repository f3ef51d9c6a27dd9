"""A gateway in this process, and a real Redis, for the lines that attack the gateway alone."""

import asyncio
import importlib.util
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GATEWAY_TESTS = ROOT / "apps" / "api-gateway" / "tests"
sys.path.insert(0, str(GATEWAY_TESTS))  # importlib mode does not let a test import a module of another folder

_spec = importlib.util.spec_from_file_location("gateway_fixtures", GATEWAY_TESTS / "conftest.py")
assert _spec is not None and _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

gateway, settings, upstream, console_dir, world = (
    _fixtures.gateway,
    _fixtures.settings,
    _fixtures.upstream,
    _fixtures.console_dir,
    _fixtures.world,
)


class RedisServer:
    """A real one, that can be killed, and frozen so that it takes connections and answers nothing."""

    def __init__(self, binary: str, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._port = port
        self._command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        asyncio.run(self._until_open())

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def _until_open(self) -> None:
        async with asyncio.timeout(10.0):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                return


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        pytest.skip("no redis-server on this machine (Debian: apt-get install redis-server)")
    server = RedisServer(binary, _fixtures.free_port())
    server.start()
    yield server
    server.kill()
