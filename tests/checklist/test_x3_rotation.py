"""X3: the rehearsal of a rotation. NATS gets a new certificate with a new key while services and a device publish."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import nats
import pytest
from checklist_transport import BOUND_S, connected, empty_list, serving, settings_of, shows
from cryptography import x509
from nats.aio.client import Client
from nats.errors import Error as NatsError
from summit_cli.certs.authority import Authority, now
from summit_cli.embedded.nats import DEVICE_USER, Nats, binary
from summit_cli.embedded.ports import choose
from summit_cli.embedded.secrets import Secrets
from summit_cli.embedded.tls import OPERATOR, SIMULATED, Tls, prepare
from summit_cli.state import StateDir
from summit_cli.supervisor.program import spawn
from summit_sdk import Device, MqttEndpoint, SummitClient
from waiting import eventually


class Running(NamedTuple):
    nats: Nats
    tls: Tls
    process: asyncio.subprocess.Process


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """The broker of `summit up --tls`."""
    state, ports = StateDir(tmp_path / "state"), choose({"nats": 0, "mqtt": 0})
    state.create()
    tls = prepare(state, ("fabric",), "127.0.0.1")
    broker = Nats(state, Secrets(), ports["nats"], ports["mqtt"], tls=tls)
    process = await spawn(broker.program(), state.log("nats"))

    async def works() -> bool:
        return await broker.problem() is None

    await eventually(works, within_s=BOUND_S)
    yield Running(broker, tls, process)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _serial(port: int, context: ssl.SSLContext, *, greets: bool) -> int:
    """Of the certificate that a listener shows now."""
    async with asyncio.timeout(BOUND_S), connected(port) as (reader, writer):
        if greets:  # NATS says hello before it encrypts
            await reader.readuntil(b"\r\n")
        await writer.start_tls(context, server_hostname="127.0.0.1")
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = shown.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


async def _shown(running: Running) -> set[int]:
    """The serial numbers at the doors of services and of devices."""
    services, devices = (running.tls.files(name).context() for name in (OPERATOR, SIMULATED))
    return {
        await _serial(running.nats.port, services, greets=True),
        await _serial(running.nats.mqtt_port, devices, greets=False),
    }


async def _reload(running: Running) -> None:
    """As docs/ops/certificates.md says it."""
    signal = await asyncio.create_subprocess_exec(binary(), "--signal", f"reload={running.process.pid}")
    assert await signal.wait() == 0


class Load:
    """Publishes one after the other until it is told to end, and knows which were acknowledged."""

    def __init__(self, client: Client) -> None:
        self._stream = client.jetstream()
        self.acknowledged: set[int] = set()
        self.refused = 0
        self._enough = False
        self._counted = asyncio.Condition()

    async def run(self) -> None:
        number = 0
        while not self._enough:
            number += 1
            try:
                await self._stream.publish("rehearsal.x", str(number).encode(), timeout=2.0)
                self.acknowledged.add(number)
            except (NatsError, TimeoutError):
                self.refused += 1
            async with self._counted:
                self._counted.notify_all()

    async def more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(BOUND_S):
            async with self._counted:
                await self._counted.wait_for(lambda: len(self.acknowledged) >= wanted)

    def end(self) -> None:
        self._enough = True


async def _stored(client: Client, count: int) -> set[int]:
    subscription = await client.jetstream().subscribe("rehearsal.x", ordered_consumer=True)
    found: set[int] = set()
    with contextlib.suppress(TimeoutError):
        while len(found) < count:
            found.add(int((await subscription.next_msg(timeout=2.0)).data))
    return found


async def test_the_broker_takes_a_new_certificate_and_drops_no_connection_and_no_message(
    running: Running,
) -> None:
    cuts: list[str] = []

    async def cut() -> None:
        cuts.append("cut")

    services = running.tls.files(OPERATOR).context()
    client = await nats.connect(running.nats.url, tls=services, disconnected_cb=cut)
    await client.jetstream().add_stream(name="REHEARSAL", subjects=["rehearsal.>", "observations.>"])
    mqtt = MqttEndpoint(
        host="127.0.0.1", port=running.nats.mqtt_port, username=DEVICE_USER,
        password=running.nats.secrets.mqtt_device, tls=running.tls.files(SIMULATED),
    )  # fmt: skip
    load = Load(client)
    async with Device(mqtt, "gas-7") as device, asyncio.TaskGroup() as group:
        group.create_task(load.run())
        device.observe("measurement", quantity="temperature", value=1.0, unit="Cel", lat=39.8, lon=-121.4)
        assert await device.flush(BOUND_S)
        await load.more(50)
        before = await _shown(running)
        Authority.open(running.tls.folder).renew("nats", now(), new_key=True)
        assert await _shown(running) == before, "without the signal it shows what it has read"
        await _reload(running)
        async with asyncio.timeout(BOUND_S):
            while (await _shown(running)) & before:
                await load.more(1)
        assert len(await _shown(running)) == 1, "one certificate, at both doors"
        await load.more(50)
        device.observe("measurement", quantity="temperature", value=2.0, unit="Cel", lat=39.8, lon=-121.4)
        assert await device.flush(BOUND_S)
        load.end()
        assert (cuts, load.refused, device.connections) == ([], 0, 1)
    assert await _stored(client, len(load.acknowledged)) >= load.acknowledged
    await client.close()


async def test_a_service_that_is_started_anew_is_a_pause_for_its_callers_and_no_error(ours: Authority) -> None:
    port, told = choose({"http": 0})["http"], settings_of(ours, "fabric")
    files = {"ca_file": ours.root, "cert_file": ours.certificate("gateway"), "key_file": ours.key("gateway")}
    async with SummitClient(f"https://127.0.0.1:{port}", "key-of-the-tests", attempts=20, **files) as client:  # type: ignore[arg-type]  # by name
        async with serving(told, empty_list, port):
            assert await client.alerts() == []
            before = await _serial(port, shows(ours, "gateway"), greets=False)
        asked = asyncio.create_task(client.alerts())  # while nobody listens
        ours.renew("fabric", now(), new_key=True)
        async with serving(told, empty_list, port):
            assert await _serial(port, shows(ours, "gateway"), greets=False) != before
            assert await asked == []


async def test_a_broker_that_was_started_anew_is_seen_as_a_cut(running: Running) -> None:
    """The planted fault: the same measure, where connections are dropped."""
    cuts = asyncio.Event()

    async def cut() -> None:
        cuts.set()

    client = await nats.connect(
        running.nats.url, tls=running.tls.files(OPERATOR).context(), disconnected_cb=cut, allow_reconnect=False
    )
    running.process.kill()
    async with asyncio.timeout(BOUND_S):
        await cuts.wait()
    assert cuts.is_set()
    await client.close()
