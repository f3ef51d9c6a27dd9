"""Fixtures that every suite shares: the real broker and the real database, started once, fresh for each test."""

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import nats
import pytest
from hypothesis import settings
from summit_cli.embedded.postgres import Postgres
from summit_cli.embedded.secrets import Secrets
from summit_cli.state import StateDir
from summit_cli.supervisor.program import credentials
from summit_core import wire
from summit_core.model import Principal
from summit_core.security.service_key import PRINCIPAL_HEADER
from summit_core.store.migrate import migrate
from waiting import eventually

DEADLINE_S = 20.0


def pytest_configure() -> None:
    """How long one example takes says more of who else computes here than of the program."""
    settings.register_profile("summit", deadline=None)
    settings.load_profile("summit")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_open(port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return


class NatsServer:
    """A real nats-server with JetStream and MQTT on free ports; can be killed and started again."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """``more``: further lines of its configuration."""
        self.port, self.mqtt_port = free_port(), free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.conf"
        self._log = folder / "nats.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._config.write_text(
            f'host: "127.0.0.1"\nport: {self.port}\nserver_name: test\nmax_payload: 16MB\n'
            f'jetstream {{ store_dir: "{folder / "jetstream"}" }}\n'
            f'mqtt {{ host: "127.0.0.1", port: {self.mqtt_port} }}\n{more}\n'
        )

    def start(self) -> None:
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", self._config], stdout=log, stderr=log)
        asyncio.run(_until_open(self.mqtt_port))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def nats_server_with(tmp_path: Path) -> Iterator[Callable[[str], Awaitable[NatsServer]]]:
    """Start a server of the test's own, with further lines of configuration."""
    started: list[NatsServer] = []

    async def start(more: str) -> NatsServer:
        started.append(NatsServer(tmp_path, more))
        await asyncio.to_thread(started[-1].start)
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
async def nats_url(nats_server: NatsServer) -> AsyncIterator[str]:
    """The broker's URL, with no stream left from the test before."""
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        if not str(stream.config.name).startswith("$"):
            await jetstream.delete_stream(str(stream.config.name))
    await client.close()
    yield nats_server.url


@pytest.fixture
def mqtt_port(nats_server: NatsServer, nats_url: str) -> int:
    return nats_server.mqtt_port


class PostgresServer:
    """A real PostgreSQL on a free port; can be killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        state = StateDir(folder)
        state.create()
        self._cluster = Postgres(state, Secrets(), port=free_port())
        self.url = self._cluster.url
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._program = self._cluster.prepare()
        self._spawn()
        asyncio.run(self._until_ready())

    def _spawn(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._program.argv, env=self._program.env, stdout=log, stderr=log, **credentials(self._program.account)
            )

    async def _until_ready(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while await self._cluster.problem() is not None:
                if self._process is not None and self._process.poll() is not None:
                    self._spawn()  # the last processes of a killed server held its memory for a moment longer
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """As a crash would: at once, without a checkpoint."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None


class ServiceProcess:
    """The service as a process of its own, reached over HTTP as the gateway reaches it."""

    KEY = "service-key-for-tests-only"

    def __init__(self, module: str, nats_url: str) -> None:
        self._module, self._port, self._nats_url = module, free_port(), nats_url
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        own = {"SUMMIT_NATS_URL": self._nats_url, "SUMMIT_PORT": str(self._port), "SUMMIT_SERVICE_KEY": self.KEY}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, env={**os.environ, **own}, stdout=asyncio.subprocess.DEVNULL
        )
        await eventually(self._is_ready, within_s=20)

    async def kill(self) -> None:
        """As a crash does (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def post(self, path: str, body: bytes, person: Principal, *, key: str = KEY) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        headers = {"Authorization": f"Bearer {key}", PRINCIPAL_HEADER: wire.encode(person).decode()}
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"http://127.0.0.1:{self._port}{path}", data=body, headers=headers)
            return answer.status, await answer.json(content_type=None)

    async def _is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session:
                return (await session.get(f"http://127.0.0.1:{self._port}/readyz")).status == 200
        except aiohttp.ClientError:
            return False


@pytest.fixture
async def service_process(nats_url: str) -> AsyncIterator[Callable[[str], ServiceProcess]]:
    """Make the process of a service; it is killed at the end of the test."""
    made: list[ServiceProcess] = []

    def make(module: str) -> ServiceProcess:
        made.append(ServiceProcess(module, nats_url))
        return made[-1]

    yield make
    for process in made:
        await process.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="summit-pg-"))
    server = PostgresServer(folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test_{secrets.token_hex(6)}"
    asyncio.run(_execute(postgres_server.url, f"CREATE DATABASE {name}"))
    url = postgres_server.url.rsplit("/", 1)[0] + f"/{name}"
    migrate(url)
    yield url
    asyncio.run(_execute(postgres_server.url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True)
class AsgiAnswer:
    """What an app answered when it was called without a server."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def _call_asgi(
    app: Any, method: str, path: str, *, body: bytes = b"", scheme: str = "http", **headers: str
) -> AsgiAnswer:
    """``headers``: underscores are hyphens."""
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": scheme,
        "root_path": "",
        "method": method,
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
        "headers": [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[dict[str, Any]] = []
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        first = next(asked, None)
        return first if first is not None else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(dict(message))

    call = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.wait([call])
    failed = call.exception()  # a server, too, hears of an error that was answered with a 500
    if failed is not None and not sent:
        raise failed
    answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return AsgiAnswer(sent[0]["status"], answered, b"".join(one.get("body", b"") for one in sent[1:]))


@pytest.fixture
def asgi() -> Callable[..., Awaitable[AsgiAnswer]]:
    """Call an app as its server does, without one: method, path, headers; its status, headers and body."""
    return _call_asgi


_proxy = importlib.util.spec_from_file_location("chaos_proxy", Path(__file__).parent / "tests" / "faults" / "proxy.py")
assert _proxy is not None and _proxy.loader is not None
_chaos = importlib.util.module_from_spec(_proxy)
_proxy.loader.exec_module(_chaos)


@pytest.fixture
async def chaos_proxy() -> AsyncIterator[Callable[[int], Awaitable[Any]]]:
    """Put a ``ChaosProxy`` (tests/faults/proxy.py) before a port."""
    started: list[Any] = []

    async def before(target: int) -> Any:
        started.append(_chaos.ChaosProxy(target, free_port()))
        await started[-1].become("ok")
        return started[-1]

    yield before
    for proxy in started:
        await proxy.close()
