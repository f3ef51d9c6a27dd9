"""X3: attacks on the transport, at the real HTTP server, the real broker and the real database client.

That a device's credential opens only its own subjects is attacked in apps/fabric/tests/test_registry.py.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import asyncpg
import pytest
from checklist_transport import BOUND_S, LOOPBACK, Broker, get, serving, settings_of, shows
from summit_cli.certs.authority import Authority, now
from summit_cli.certs.issue import Kind
from summit_core.bus import Bus
from summit_core.security.tls import client_context, not_after
from summit_core.store.pool import create_pool


@pytest.mark.planted("callers without a certificate, of another authority, expired, revoked, of a device")
async def test_a_service_lets_in_only_services_of_ours(ours: Authority, theirs: Authority) -> None:
    async with serving(settings_of(ours, "fabric")) as url:
        assert await get(url, shows(ours, "gateway")) == "hello"
        attacks = {
            "no certificate": shows(ours),
            "of another authority": shows(ours, "gateway", of=theirs),
            "expired": shows(ours, "expired"),
            "revoked": shows(ours, "revoked"),
            "of a device": shows(ours, "gas-7"),
        }
        let_in = {name for name, context in attacks.items() if await get(url, context) is not None}
        assert let_in == set()
        assert await get(url.replace("https", "http"), None, None) is None, "plain text on the port of TLS"


async def test_the_gateway_does_not_take_one_service_for_another(ours: Authority, theirs: Authority) -> None:
    async with serving(settings_of(ours, "fabric")) as url:
        context = client_context(settings_of(ours, "nats"))
        assert await get(url, context, "fabric") == "hello"
        assert await get(url, context, "tasking") is None
        assert await get(url, shows(theirs, "gateway")) is None, "a server of another authority"


async def test_old_versions_of_tls_are_refused(ours: Authority) -> None:
    async with serving(settings_of(ours, "fabric")) as url:
        for version, spoken in ((ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, "hello")):
            context = shows(ours, "gateway")
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it is the server that refuses
            with pytest.warns(DeprecationWarning) if spoken is None else contextlib.nullcontext():
                context.minimum_version = version
                context.maximum_version = version
            assert await get(url, context) == spoken


async def test_a_renewed_certificate_is_served_after_a_start_and_the_old_one_still_holds(
    ours: Authority, tmp_path: Path
) -> None:
    ours.issue("rolled", Kind.SERVER, ("fabric", *LOOPBACK), now() - timedelta(days=25))
    old = not_after(ours.certificate("rolled"))
    caller = shows(ours, "gateway")
    async with serving(settings_of(ours, "rolled")) as url:
        ours.renew("rolled", now())
        ours.renew("gateway", now())
        assert await get(url, caller) == "hello", "while the server still has the old one"
    async with serving(settings_of(ours, "rolled")) as url:
        assert await get(url, caller) == "hello"
    assert not_after(ours.certificate("rolled")) > old


def test_a_caller_reads_a_new_key_by_itself(ours: Authority, tmp_path: Path) -> None:
    ours.issue("rekeyed", Kind.CLIENT, (), now())
    context = shows(ours, "rekeyed")
    before = context._seen  # type: ignore[attr-defined]  # what it has read, of which nothing is shown outside
    ours.renew("rekeyed", now(), new_key=True)
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="fabric")
    assert context._seen != before  # type: ignore[attr-defined]  # what it has read has no public name


async def _connects(url: str, context: ssl.SSLContext | None, seconds: float = 1.5) -> bool:
    try:
        async with asyncio.timeout(seconds):
            bus = await Bus.connect(url, name="test", tls=context)
    except (TimeoutError, OSError):
        return False
    await bus.close()
    return True


async def test_the_broker_and_the_bus_let_in_only_each_other(
    ours: Authority, theirs: Authority, broker: Broker
) -> None:
    url = broker.url
    assert await _connects(url, shows(ours, "gateway"), BOUND_S)
    attacks = {
        "no certificate": shows(ours),
        "of another authority": shows(ours, "gateway", of=theirs),
        "expired": shows(ours, "expired"),
        "of a device": shows(ours, "gas-7"),
        "a broker of another authority": shows(theirs, "gateway", of=ours),
    }
    tried = await asyncio.gather(*(_connects(url, context) for context in attacks.values()))
    assert {name for name, connected in zip(attacks, tried, strict=True) if connected} == set()


@pytest.mark.planted("somebody in between who says that no TLS is needed, and a caller that believes him")
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
    assert not await _connects(url, shows(ours, "gateway"))
    assert b"S3CRETVALUE" not in b"".join(heard)
    heard.clear()
    await _connects(url, None)  # the planted fault: without a context it is sent, and heard
    assert b"S3CRETVALUE" in b"".join(heard)
    server.close()


async def test_mqtt_lets_in_only_devices(ours: Authority, theirs: Authority, broker: Broker) -> None:
    async def connects(context: ssl.SSLContext | None, seconds: float = 1.5) -> bool:
        try:
            client = aiomqtt.Client(
                "127.0.0.1", broker.mqtt, username="a", password="pw", tls_context=context, timeout=seconds
            )
            async with client:
                return True
        except (aiomqtt.MqttError, OSError):
            return False

    assert await _connects(broker.url, shows(ours, "gateway"), BOUND_S)  # it is up
    assert await connects(shows(ours, "gas-7"), BOUND_S)
    attacks = {
        "no certificate": shows(ours),
        "of a service": shows(ours, "gateway"),
        "of another authority": shows(ours, "gas-7", of=theirs),
        "plain text": None,
    }
    tried = await asyncio.gather(*(connects(context) for context in attacks.values()))
    assert {name for name, connected in zip(attacks, tried, strict=True) if connected} == set()


@pytest.fixture
async def front(postgres_server: Any, ours: Authority) -> AsyncIterator[Callable[[str | None], Awaitable[str]]]:
    """PostgreSQL behind TLS with the certificate that is named (None: it refuses TLS, as one without it does)."""
    host, port = postgres_server.url.rsplit("@", 1)[1].split("/")[0].split(":")
    opened: list[asyncio.Server] = []
    answering: set[asyncio.Task[None] | None] = set()

    async def start(name: str | None) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answering.add(asyncio.current_task())
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
                    await _joined(reader, writer, *await asyncio.open_connection(host, int(port)))
                finally:
                    writer.transport.abort()

        opened.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return postgres_server.url.replace(f":{port}/", f":{opened[-1].sockets[0].getsockname()[1]}/")

    yield start
    for server in opened:
        server.close()
    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*(task for task in answering if task is not None))


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamReader, on: asyncio.StreamWriter
) -> None:
    """Until one side ends; then the other does."""
    pipes = {asyncio.create_task(_pipe(reader, on)), asyncio.create_task(_pipe(back, writer))}
    try:
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
    finally:
        on.transport.abort()
        writer.transport.abort()
        await asyncio.gather(*pipes, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


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
