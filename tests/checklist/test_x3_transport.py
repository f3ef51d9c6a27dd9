"""X3: attacks on the transport, at the real HTTP server, the real broker and the real database client.

That a device's credential opens only its own subjects is attacked in apps/fabric/tests/test_registry.py.
"""

import asyncio
import contextlib
import ssl
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import asyncpg
import pytest
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from pydantic import SecretStr
from summit_cli.certs.authority import Authority, now
from summit_cli.certs.issue import Kind
from summit_cli.embedded.ports import choose
from summit_cli.embedded.tls import Tls
from summit_core.bus import Bus
from summit_core.security.context import ClientContext
from summit_core.security.tls import client_context, not_after, server_options
from summit_core.settings import ServiceSettings
from summit_core.store.pool import create_pool

LOOPBACK = ("localhost", "127.0.0.1")
BOUND_S = 10.0


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


def _settings(authority: Authority, name: str) -> ServiceSettings:
    return ServiceSettings(
        nats_url=SecretStr("nats://127.0.0.1:1"), service_key=SecretStr("service-key-of-the-tests"), port=0,
        tls_cert_file=authority.certificate(name), tls_key_file=authority.key(name), tls_ca_file=authority.root,
        tls_client_ca_file=authority.services, tls_crl_file=authority.revoked,
    )  # fmt: skip


def _shows(trust: Authority, name: str | None = None, of: Authority | None = None) -> ssl.SSLContext:
    """Believes ``trust`` and shows the certificate ``name``."""
    by = of or trust
    return ClientContext.of(trust.root, name and by.certificate(name), name and by.key(name))


@contextlib.asynccontextmanager
async def _service(settings: ServiceSettings) -> AsyncIterator[str]:
    """The HTTP server with the options that every service gives it."""

    async def hello(scope: Any, _: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    port = choose({"http": 0})["http"]
    server = Server(
        hello, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1, **server_options(settings)
    )  # fmt: skip
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(BOUND_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield f"https://127.0.0.1:{port}/"
    finally:
        server.stop()
        await running


async def _get(url: str, context: ssl.SSLContext | None, name: str | None = "fabric") -> str | None:
    """The answer, or None where the connection was refused, by either side."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=BOUND_S)) as session:
            answer = await session.get(url, ssl=True if context is None else context, server_hostname=name)
            return await answer.text()
    except (aiohttp.ClientError, OSError):
        return None


async def test_a_service_lets_in_only_services_of_ours(ours: Authority, theirs: Authority) -> None:
    async with _service(_settings(ours, "fabric")) as url:
        assert await _get(url, _shows(ours, "gateway")) == "hello"
        attacks = {
            "no certificate": _shows(ours),
            "of another authority": _shows(ours, "gateway", of=theirs),
            "expired": _shows(ours, "expired"),
            "revoked": _shows(ours, "revoked"),
            "of a device": _shows(ours, "gas-7"),
        }
        let_in = {name for name, context in attacks.items() if await _get(url, context) is not None}
        assert let_in == set()
        assert await _get(url.replace("https", "http"), None, None) is None, "plain text on the port of TLS"


async def test_the_gateway_does_not_take_one_service_for_another(ours: Authority, theirs: Authority) -> None:
    async with _service(_settings(ours, "fabric")) as url:
        context = client_context(_settings(ours, "nats"))
        assert await _get(url, context, "fabric") == "hello"
        assert await _get(url, context, "tasking") is None
        assert await _get(url, _shows(theirs, "gateway")) is None, "a server of another authority"


async def test_old_versions_of_tls_are_refused(ours: Authority) -> None:
    async with _service(_settings(ours, "fabric")) as url:
        for version, spoken in ((ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, "hello")):
            context = _shows(ours, "gateway")
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it is the server that refuses
            with pytest.warns(DeprecationWarning) if spoken is None else contextlib.nullcontext():
                context.minimum_version = version
                context.maximum_version = version
            assert await _get(url, context) == spoken


async def test_a_renewed_certificate_is_served_after_a_start_and_the_old_one_still_holds(
    ours: Authority, tmp_path: Path
) -> None:
    ours.issue("rolled", Kind.SERVER, ("fabric", *LOOPBACK), now() - timedelta(days=25))
    old = not_after(ours.certificate("rolled"))
    caller = _shows(ours, "gateway")
    async with _service(_settings(ours, "rolled")) as url:
        ours.renew("rolled", now())
        ours.renew("gateway", now())
        assert await _get(url, caller) == "hello", "while the server still has the old one"
    async with _service(_settings(ours, "rolled")) as url:
        assert await _get(url, caller) == "hello"
    assert not_after(ours.certificate("rolled")) > old


def test_a_caller_reads_a_new_key_by_itself(ours: Authority, tmp_path: Path) -> None:
    ours.issue("rekeyed", Kind.CLIENT, (), now())
    context = _shows(ours, "rekeyed")
    before = context._seen  # type: ignore[attr-defined]  # what it has read, of which nothing is shown outside
    ours.renew("rekeyed", now(), new_key=True)
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="fabric")
    assert context._seen != before  # type: ignore[attr-defined]  # what it has read has no public name


@pytest.fixture
def broker(ours: Authority, tmp_path: Path) -> Iterator[tuple[str, int, subprocess.Popen[bytes]]]:
    """The real broker with the lines that `summit up --tls` writes: its URL, and the port of MQTT."""
    ports, tls = choose({"nats": 0, "mqtt": 0}), Tls(ours.folder)
    config = tmp_path / "nats.conf"
    config.write_text(
        f'host: "127.0.0.1"\nport: {ports["nats"]}\nserver_name: x\njetstream {{ store_dir: "{tmp_path}/js" }}\n'
        f'mqtt {{ host: "127.0.0.1", port: {ports["mqtt"]}\n{tls.broker("devices")} }}\n{tls.broker("services")}\n'
        'authorization { users: [{ user: "a", password: "pw" }] }\n'
    )
    with (tmp_path / "log").open("wb") as log:
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        server = subprocess.Popen([binary, "-c", config], stdout=log, stderr=log)
    yield f"nats://a:pw@127.0.0.1:{ports['nats']}", ports["mqtt"], server
    server.kill()
    server.wait()


async def _connects(url: str, context: ssl.SSLContext | None, seconds: float = 1.5) -> bool:
    try:
        async with asyncio.timeout(seconds):
            bus = await Bus.connect(url, name="test", tls=context)
    except (TimeoutError, OSError):
        return False
    await bus.close()
    return True


async def test_the_broker_and_the_bus_let_in_only_each_other(
    ours: Authority, theirs: Authority, broker: tuple[str, int, Any]
) -> None:
    url = broker[0]
    assert await _connects(url, _shows(ours, "gateway"), BOUND_S)
    attacks = {
        "no certificate": _shows(ours),
        "of another authority": _shows(ours, "gateway", of=theirs),
        "expired": _shows(ours, "expired"),
        "of a device": _shows(ours, "gas-7"),
        "a broker of another authority": _shows(theirs, "gateway", of=ours),
    }
    tried = await asyncio.gather(*(_connects(url, context) for context in attacks.values()))
    assert {name for name, connected in zip(attacks, tried, strict=True) if connected} == set()


async def test_no_password_is_sent_to_a_broker_that_does_not_encrypt(ours: Authority) -> None:
    heard: list[bytes] = []

    async def stripped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stands in between: says that no TLS is needed, and listens."""
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"tls_required":false}\r\n')
        with contextlib.suppress(OSError):
            heard.append(await reader.read(4096))
        writer.transport.abort()

    server = await asyncio.start_server(stripped, "127.0.0.1", 0)
    url = f"nats://a:S3CRETVALUE@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert not await _connects(url, _shows(ours, "gateway"))
    assert b"S3CRETVALUE" not in b"".join(heard)
    heard.clear()
    await _connects(url, None)  # the planted fault: without a context it is sent, and heard
    assert b"S3CRETVALUE" in b"".join(heard)
    server.close()


async def test_mqtt_lets_in_only_devices(ours: Authority, theirs: Authority, broker: tuple[str, int, Any]) -> None:
    async def connects(context: ssl.SSLContext | None) -> bool:
        try:
            client = aiomqtt.Client(
                "127.0.0.1", broker[1], username="a", password="pw", tls_context=context, timeout=3.0
            )
            async with client:
                return True
        except (aiomqtt.MqttError, OSError):
            return False

    assert await _connects(broker[0], _shows(ours, "gateway"), BOUND_S)  # it is up
    assert await connects(_shows(ours, "gas-7"))
    for name, context in {
        "no certificate": _shows(ours),
        "of a service": _shows(ours, "gateway"),
        "of another authority": _shows(ours, "gas-7", of=theirs),
        "plain text": None,
    }.items():
        assert not await connects(context), name


@pytest.fixture
async def front(postgres_server: Any, ours: Authority) -> AsyncIterator[Callable[[str | None], Awaitable[str]]]:
    """PostgreSQL behind TLS with the certificate that is named (None: it refuses TLS, as one without it does)."""
    host, port = postgres_server.url.rsplit("@", 1)[1].split("/")[0].split(":")
    opened: list[asyncio.Server] = []

    async def start(name: str | None) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readexactly(8)  # SSLRequest
                writer.write(b"N" if name is None else b"S")
                if name is None:
                    await writer.drain()
                    writer.transport.abort()
                    return
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(ours.certificate(name), ours.key(name))
                try:
                    await writer.start_tls(context)
                    back = await asyncio.open_connection(host, int(port))
                    await asyncio.gather(_pipe(reader, back[1]), _pipe(back[0], writer))
                finally:
                    writer.transport.abort()

        opened.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return postgres_server.url.replace(f":{port}/", f":{opened[-1].sockets[0].getsockname()[1]}/")

    yield start
    for server in opened:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_the_database_is_reached_only_by_its_name_and_by_tls(
    ours: Authority, theirs: Authority, front: Callable[[str | None], Awaitable[str]]
) -> None:
    async def answers(server: str | None, authority: Authority) -> bool:
        url = f"{await front(server)}?sslmode=verify-full&sslrootcert={authority.root}"
        pool = await create_pool(url, name="test")
        try:
            return await pool.fetchval("SELECT 1", timeout=BOUND_S) == 1
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        finally:
            pool.terminate()

    assert await answers("postgres", ours)
    assert not await answers("elsewhere", ours), "the name of another"
    assert not await answers("postgres", theirs), "an authority that we do not believe"
    assert not await answers(None, ours), "one that does not encrypt"
