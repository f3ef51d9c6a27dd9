"""The embedded NATS: what a device may do over MQTT, proved with a real client, and what it may not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import nats
import pytest
from nats.aio.client import Client
from summit_cli.embedded import ports, secrets
from summit_cli.embedded.nats import Nats, jetstream_info
from summit_cli.state import StateDir
from summit_cli.supervisor.program import spawn
from waiting import eventually

WAIT_S = 5.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Nats]:
    state = StateDir(tmp_path / "state")
    state.create()
    chosen = ports.choose({"nats": 0, "mqtt": 0})
    embedded = Nats(state, secrets.load(state), chosen["nats"], chosen["mqtt"])
    program = embedded.program()
    process = await spawn(program, state.log("nats"))

    async def works() -> bool:
        return await embedded.problem() is None

    await eventually(works, within_s=WAIT_S)
    yield embedded
    process.send_signal(program.stop_signal)
    await process.wait()


@pytest.fixture
async def bus(server: Nats) -> AsyncIterator[Client]:
    client = await nats.connect(server.url)
    yield client
    await client.close()


def device(server: Nats, **options: object) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", server.mqtt_port, username="device", password=server.secrets.mqtt_device, **options
    )


async def test_the_files_with_passwords_are_private(server: Nats) -> None:
    assert (server.state.nats / "server.conf").stat().st_mode & 0o777 == 0o600
    assert server.state.secrets.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_device_publishes_where_it_may(server: Nats, bus: Client, qos: int) -> None:
    heard = await bus.subscribe(">")
    await bus.jetstream().account_info()  # flush would ask before the subscription is written
    async with device(server) as client:
        for topic in ("observations/bearing", "devices/d-1/telemetry", "devices/d-1/status", "tasks/d-1/status"):
            await client.publish(topic, b"{}", qos=qos)
    subjects = set()
    async with asyncio.timeout(WAIT_S):
        while len(subjects) < 4:
            message = await heard.next_msg(WAIT_S)
            if not message.subject.startswith(("$", "_")):
                subjects.add(message.subject)
    assert subjects == {"observations.bearing", "devices.d-1.telemetry", "devices.d-1.status", "tasks.d-1.status"}


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_device_hears_its_dispatches(server: Nats, bus: Client, qos: int) -> None:
    async with device(server) as client:
        await client.subscribe("tasks/d-1/dispatch", qos=qos)
        await bus.publish("tasks.d-1.dispatch", b"go")
        await bus.flush()
        async with asyncio.timeout(WAIT_S):
            message = await anext(aiter(client.messages))
    assert (str(message.topic), message.payload) == ("tasks/d-1/dispatch", b"go")


async def test_the_last_will_comes_when_the_link_breaks(server: Nats, bus: Client) -> None:
    heard = await bus.subscribe("devices.d-2.status")
    await bus.jetstream().account_info()  # flush would ask before the subscription is written
    will = aiomqtt.Will("devices/d-2/status", b'{"status":"offline"}', qos=1)
    async with device(server, will=will, identifier="d-2") as client:
        broken = client._client.socket()
        broken.shutdown(2)
        message = await heard.next_msg(WAIT_S)
        assert message.data == b'{"status":"offline"}'
        with pytest.raises(aiomqtt.MqttError):
            await client.publish("devices/d-2/status", b"x", qos=1, timeout=WAIT_S)


async def test_a_device_may_not_listen_to_the_world(server: Nats) -> None:
    async with device(server) as client:
        granted = await client.subscribe("world/#")
    assert granted[0].value >= 0x80


async def test_a_device_may_not_publish_as_the_world(server: Nats, bus: Client) -> None:
    heard = await bus.subscribe("world.>")
    await bus.jetstream().account_info()  # flush would ask before the subscription is written
    async with device(server) as client:
        await client.publish("world/entities/x", b"{}", qos=1)
        await client.publish("observations/report", b"{}", qos=1)
    await bus.flush()
    assert heard.pending_msgs == 0


async def test_a_wrong_password_and_a_device_on_the_bus_are_refused(server: Nats) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", server.mqtt_port, username="device", password="guess"):
            pass

    with pytest.raises(ConnectionError, match="Authorization Violation"):
        await jetstream_info(server.port, "device", server.secrets.mqtt_device)


async def test_a_ten_megabyte_message_reaches_the_ingest(server: Nats, bus: Client) -> None:
    heard = await bus.subscribe("observations.report")
    await bus.jetstream().account_info()  # flush would ask before the subscription is written
    async with device(server) as client:
        await client.publish("observations/report", b"x" * 10_000_000, qos=1, timeout=WAIT_S)
    assert len((await heard.next_msg(WAIT_S)).data) == 10_000_000
