"""An authority with good and bad certificates, and the real HTTP server and broker with the options of ours."""

import asyncio
import contextlib
import ssl
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
import pytest
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from pydantic import SecretStr
from summit_cli.certs.authority import Authority, now
from summit_cli.certs.issue import Kind
from summit_cli.embedded.ports import choose
from summit_cli.embedded.tls import Tls
from summit_core.security.context import ClientContext
from summit_core.security.tls import server_options
from summit_core.settings import ServiceSettings

LOOPBACK = ("localhost", "127.0.0.1")
BOUND_S = 10.0
KEY_OF_SERVICES = "service-key-of-the-tests"

PLAIN = {
    "HTTP": (b"GET /livez HTTP/1.0\r\n\r\n", b"HTTP/1"),
    "MQTT": (b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x05\x00\x04hers\x00\x01a\x00\x02pw", b"\x20\x02\x00"),
    "NATS": (b'CONNECT {"user":"a","pass":"pw","verbose":false}\r\nPING\r\n', b"PONG"),
}
"""What a client says in plain text that is not asked for more, and what shows that it was listened to."""


class Broker(NamedTuple):
    """A running one: its URL, and the port of MQTT."""

    url: str
    mqtt: int
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with one of everything, good and bad."""
    made, at = Authority.create(tmp_path_factory.mktemp("certs") / "a", (), now()), now()
    for name in ("fabric", "nats", "postgres"):
        made.issue(name, Kind.SERVER, (name, *LOOPBACK), at)
    made.issue("elsewhere", Kind.SERVER, ("nats.summit.internal",), at)
    for name in ("gateway", "revoked"):
        made.issue(name, Kind.CLIENT, (), at)
    made.issue("expired", Kind.CLIENT, (), at - timedelta(days=40))
    made.issue("gas-7", Kind.DEVICE, (), at)
    made.revoke("revoked", at)
    return made


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority, which signs for the same names."""
    made, at = Authority.create(tmp_path_factory.mktemp("certs") / "b", (), now()), now()
    made.issue("gateway", Kind.CLIENT, (), at)
    made.issue("nats", Kind.SERVER, ("nats", *LOOPBACK), at)
    made.issue("gas-7", Kind.DEVICE, (), at)
    return made


def settings_of(authority: Authority, name: str) -> ServiceSettings:
    return ServiceSettings(
        nats_url=SecretStr("nats://127.0.0.1:1"), service_key=SecretStr(KEY_OF_SERVICES), port=0,
        tls_cert_file=authority.certificate(name), tls_key_file=authority.key(name), tls_ca_file=authority.root,
        tls_client_ca_file=authority.services, tls_crl_file=authority.revoked,
    )  # fmt: skip


def shows(trust: Authority, name: str | None = None, of: Authority | None = None) -> ssl.SSLContext:
    """Believes ``trust`` and shows the certificate ``name``."""
    by = of or trust
    return ClientContext.of(trust.root, name and by.certificate(name), name and by.key(name))


async def _hello(scope: Any, _: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def empty_list(scope: Any, _: Any, send: Any) -> None:
    """A gateway that is ready and has an empty list."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"items":[]}'})


@contextlib.asynccontextmanager
async def serving(settings: ServiceSettings, app: Any = _hello, port: int | None = None) -> AsyncIterator[str]:
    """The HTTP server with the options that every service gives it."""
    port = port or choose({"http": 0})["http"]
    server = Server(
        app, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1, **server_options(settings)
    )  # fmt: skip
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(BOUND_S):
            while True:
                with contextlib.suppress(OSError):
                    async with connected(port):
                        break
                await asyncio.sleep(0.02)
        yield f"https://127.0.0.1:{port}/"
    finally:
        server.stop()
        await running


async def get(url: str, context: ssl.SSLContext | None, name: str | None = "fabric") -> str | None:
    """The answer, or None where the connection was refused, by either side."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=BOUND_S)) as session:
            answer = await session.get(url, ssl=True if context is None else context, server_hostname=name)
            return await answer.text()
    except (aiohttp.ClientError, OSError):
        return None


@pytest.fixture(scope="module")
def broker(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The real broker with the lines that `summit up --tls` writes."""
    ports, tls, folder = choose({"nats": 0, "mqtt": 0}), Tls(ours.folder), tmp_path_factory.mktemp("broker")
    config = folder / "nats.conf"
    config.write_text(
        f'host: "127.0.0.1"\nport: {ports["nats"]}\nserver_name: x\njetstream {{ store_dir: "{folder}/js" }}\n'
        f'mqtt {{ host: "127.0.0.1", port: {ports["mqtt"]}\n{tls.broker("devices")} }}\n{tls.broker("services")}\n'
        'authorization { users: [{ user: "a", password: "pw" }] }\n'
    )
    with (folder / "log").open("wb") as log:
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        server = subprocess.Popen([binary, "-c", config], stdout=log, stderr=log)
    yield Broker(f"nats://a:pw@127.0.0.1:{ports['nats']}", ports["mqtt"], server)
    server.kill()
    server.wait()


def listeners(pid: int) -> list[int]:
    """The ports on which a process and its children listen."""
    process = psutil.Process(pid)
    found = [one for each in (process, *process.children(recursive=True)) for one in each.net_connections("tcp")]
    return sorted({one.laddr.port for one in found if one.status == psutil.CONN_LISTEN})


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is gone afterwards: aborted, as a goodbye by TLS waits for an answer that may not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def spoken_in_plain(port: int) -> str | None:
    """The protocol that a listener speaks without TLS."""
    for protocol, (said, answered) in PLAIN.items():
        heard = b""
        with contextlib.suppress(OSError, TimeoutError):
            async with connected(port) as (reader, writer), asyncio.timeout(0.7):
                writer.write(said)
                while answered not in heard and (more := await reader.read(4096)):
                    heard += more
        if answered in heard:
            return protocol
    return None
