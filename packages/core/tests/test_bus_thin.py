"""The thin client against a real server that is killed, refuses, is slow or is none: the caller always knows."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from bus_harness import Server, connected, running
from summit_core.bus import Delivery, Outgoing, consume, publisher, thin
from summit_core.bus.streams import INGEST
from summit_core.bus.thin import Connection
from summit_core.errors import ConflictError, InputError, TooLargeError, UnavailableError
from summit_core.observability.health import HealthMonitor
from waiting import eventually

SUBJECT = "observations.report"
Start = Callable[[str], Awaitable[Server]]


def numbers(count: int, size: int = 0) -> list[bytes]:
    return [str(number).encode().ljust(size) for number in range(count)]


@asynccontextmanager
async def opening(url: str) -> AsyncIterator[Connection]:
    """A connection that may never come."""
    connection = Connection(url, name="test")
    task = asyncio.create_task(connection.open())
    try:
        yield connection
    finally:
        await connection.close()
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.timeout(60)
async def test_a_server_that_is_killed_twice_costs_no_message(nats_server: Server, nats_url: str) -> None:
    """A publisher that tries again with the same id, a consumer that does nothing special."""
    async with connected(nats_url) as bus:
        health, seen, refused, sent = HealthMonitor(), list[bytes](), 0, numbers(3000)
        progress = asyncio.Event()

        async def handler(deliveries: list[Delivery]) -> None:
            seen.extend(delivery.data for delivery in deliveries)

        async def publish() -> None:
            nonlocal refused
            for start in range(0, len(sent), 10):
                batch = [(SUBJECT, data, data.decode()) for data in sent[start : start + 10]]
                while True:
                    try:
                        await bus.publish_many(batch)
                        break
                    except UnavailableError:
                        refused += 1
                        await asyncio.sleep(0.02)
                if start in {1000, 2000}:
                    progress.set()

        async with running("worker", lambda: consume(bus, INGEST, "worker", handler, health), health):
            publishing = asyncio.create_task(publish())
            for _ in range(2):
                await progress.wait()
                progress.clear()
                nats_server.kill()
                await asyncio.to_thread(nats_server.start)
            await publishing
            await eventually(lambda: len(set(seen)) == len(sent))
        assert refused >= 2
        assert list(dict.fromkeys(seen)) == sent
        assert (await bus.jetstream.stream_info(INGEST)).state.messages == len(sent)


@pytest.mark.timeout(60)
async def test_a_slow_consumer_is_cut_off_comes_back_and_misses_nothing(nats_server_with: Start) -> None:
    """Its process does nothing for a while: the server, which wants to send, gives it up."""
    server = await nats_server_with("write_deadline: '100ms'")
    async with connected(server.url) as sender, connected(server.url) as bus:
        health, seen, lost, sent = HealthMonitor(), list[bytes](), list[str](), numbers(1500, 32_000)
        bus.connection.on_lost.add(lost.append)

        def be_slow() -> None:
            time.sleep(0.7)

        async def handler(deliveries: list[Delivery]) -> None:
            if not lost and not seen:
                be_slow()
            seen.extend(delivery.data for delivery in deliveries)

        await sender.publish_many([(SUBJECT, data, None) for data in sent])
        async with running("worker", lambda: consume(bus, INGEST, "worker", handler, health, batch=1000), health):
            await eventually(lambda: len(set(seen)) == len(sent))
        assert lost
        assert list(dict.fromkeys(seen)) == sent
        await bus.publish(SUBJECT, b"still able")


async def test_what_is_too_large_is_refused_here_and_cuts_nothing(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        lost: list[str] = []
        bus.connection.on_lost.add(lost.append)
        with pytest.raises(TooLargeError, match=r"16777217 bytes.*at most 16777216"):
            await bus.publish(SUBJECT, bytes(2**24 + 1))
        assert await bus.publish_each([Outgoing(SUBJECT, b"one"), Outgoing(SUBJECT, b"two")]) == [1, 2]
        assert not lost


async def test_a_denied_subject_is_named_at_once(nats_server_with: Start) -> None:
    server = await nats_server_with(
        'authorization { users: [{ user: "me", password: "s3cret", permissions: {'
        ' publish: { deny: ["observations.secret"] } } }] }'
    )
    async with connected(server.url.replace("//", "//me:s3cret@")) as bus:
        started = asyncio.get_running_loop().time()
        with pytest.raises(UnavailableError, match=r"does not let us publish on observations\.secret"):
            await bus.publish("observations.secret", b"")
        mixed = [Outgoing("observations.secret" if n % 3 else SUBJECT, b"") for n in range(3000)]
        outcomes = await bus.publish_each(mixed)
        assert asyncio.get_running_loop().time() - started < publisher.ACK_TIMEOUT_S
        assert [isinstance(outcome, int) for outcome in outcomes] == [n % 3 == 0 for n in range(3000)]
        assert await bus.publish(SUBJECT, b"") == 1001


async def test_a_wrong_password_is_said_and_not_shown(
    nats_server_with: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await nats_server_with('authorization { user: "me", password: "right" }')
    async with opening(server.url.replace("//", "//me:s3cret@")) as connection:
        await eventually(lambda: "Authorization Violation" in (connection.problem or ""))
        problem = await connection.check()
        with pytest.raises(UnavailableError, match=r"not connected to NATS$") as caught:
            connection.publish("a", b"")
    assert "s3cret" not in f"{problem} {caught.value.detail} {capsys.readouterr()}"


async def test_without_an_acknowledgement_the_caller_is_told(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "ACK_TIMEOUT_S", 0.2)
    async with connected(nats_url) as bus:
        with pytest.raises(UnavailableError, match="no stream of the broker takes nowhere"):
            await bus.publish("nowhere", b"")
        bus.connection.subscribe("silent.*", lambda _: None)
        outcomes = await bus.publish_each([Outgoing("silent.one", b""), Outgoing(SUBJECT, b"")])
        assert isinstance(outcomes[0], UnavailableError)
        assert "does not answer" in outcomes[0].detail
        assert outcomes[1] == 1


async def test_each_message_gets_its_own_outcome(nats_url: str) -> None:
    """From several streams at once, and more than the window holds."""
    async with connected(nats_url) as bus:
        many = 2 * publisher.WINDOW + 100
        expected = {"Nats-Expected-Last-Subject-Sequence": "7"}
        messages = [Outgoing(f"{'observations' if n % 2 else 'deadletters'}.report", b"") for n in range(many)]
        messages[5] = Outgoing("world.entities.a", b"", headers=expected)
        messages[6] = Outgoing("not a subject", b"")
        messages[7] = Outgoing(SUBJECT, b"", msg_id="a\r\nb")
        messages[9] = Outgoing(SUBJECT, b"", msg_id="same")
        messages[-1] = Outgoing(SUBJECT, b"", msg_id="same")
        outcomes = await bus.publish_each(messages)
        assert isinstance(outcomes[5], ConflictError)
        assert isinstance(outcomes[6], InputError)
        assert isinstance(outcomes[7], InputError)
        assert outcomes[-1] == outcomes[9]
        numbered = [outcomes[n] for n in range(8, many - 1)]
        assert numbered[1::2] == list(range(3, 3 + len(numbered) // 2))
        assert numbered[0::2] == list(range(4, 4 + (len(numbered) + 1) // 2))
        with pytest.raises(ConflictError):
            await bus.publish_many(messages[:10])


async def test_the_next_server_is_tried(nats_url: str) -> None:
    async with connected(f"nats://127.0.0.1:1,{nats_url}") as bus:
        assert await bus.check() is None
        assert await bus.publish(SUBJECT, b"") == 1


async def test_what_is_not_a_nats_server_or_is_dead_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thin, "PING_EVERY_S", 0.05)
    greetings = iter([b"SSH-2.0-OpenSSH_9.2\r\n", b"INFO {}\r\n", b"INFO {\r\n"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(greetings, b"INFO {}\r\n-ERR 'Stale Connection'\r\n"))
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"PING\r\n")
            writer.write(b"PONG\r\n")  # and not another word
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reasons: list[str] = []
    async with server, opening(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}") as connection:
        connection.on_lost.add(reasons.append)
        await eventually(lambda: "SSH" in (connection.problem or ""))
        await eventually(lambda: "DecodeError" in (connection.problem or ""))
        await eventually(lambda: len(reasons) > 1)
    assert reasons[0] == "the server does not answer pings"


@pytest.mark.timeout(60)
async def test_tls(nats_server_with: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    await asyncio.to_thread(subprocess.run, [*command, *names], check=True, capture_output=True)
    server = await nats_server_with(f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}')
    url = f"tls://localhost:{server.port}"
    async with opening(url) as connection:
        await eventually(lambda: "certificate verify failed" in (connection.problem or ""))
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(certificate))
    async with connected(url) as bus:
        assert await bus.publish(SUBJECT, b"") == 1
        assert await bus.check() is None
