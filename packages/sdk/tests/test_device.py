"""A device against the real broker: QoS 1, tasks, cuts; and its buffer without any broker."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import nats
import pytest
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from summit_core.errors import ErrorCode, InputError
from summit_core.model import Plan, Task, TaskState, Waypoint
from summit_core.wire import encode
from summit_sdk import Backoff, Device, MqttEndpoint

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOWHERE = MqttEndpoint(host="127.0.0.1", port=9)
QUICK = Backoff(first_s=0.02, longest_s=0.1)
Eventually = Callable[..., Awaitable[None]]


def task(id_: str = "task-1") -> Task:
    plan = Plan(waypoints=(Waypoint(lat=39.8, lon=-121.4),), distance_m=1.0, duration_s=1.0, arrive_s=1.0, reserve=0.5)
    return Task(
        id=id_,
        kind="investigate",
        title="look",
        state=TaskState.DISPATCHED,
        asset="drone-7",
        plan=plan,
        plan_hash="h",
        risk="low",
        proposed_at=NOW,
        updated_at=NOW,
    )


OWN_CREDENTIAL = "whatever: the shared broker of the tests asks nobody for one"


class Listener:
    """Everything that reached the bus, as a NATS client sees it."""

    def __init__(self) -> None:
        self.messages: list[Msg] = []

    async def hear(self, message: Msg) -> None:
        self.messages.append(message)

    def bodies(self, subject: str) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self.messages if message.subject == subject]


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Nats]:
    client = await nats.connect(nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    yield client
    await client.close()


@pytest.fixture
async def listener(bus: Nats) -> Listener:
    heard = Listener()
    for subject in ("observations.*", "observations.*.*", "devices.*.*", "tasks.*.status"):
        await bus.subscribe(subject, cb=heard.hear)
    await bus.jetstream().account_info()  # flush would ask before the subscription is written
    return heard


async def test_observations_arrive_with_qos_1_numbered_and_on_their_topics(
    broker: MqttEndpoint, listener: Listener
) -> None:
    async with Device(broker, "drone-7") as device:
        device.observe("measurement", quantity="carbon_monoxide", value=3.5, unit="ppm")
        device.telemetry(lat=39.8, lon=-121.4, category="drone", battery=0.5)
        assert await device.flush()
        assert (device.sent, device.pending, device.dropped) == (2, 0, 0)
    (measurement,) = listener.bodies("observations.measurement")
    (telemetry,) = listener.bodies("devices.drone-7.telemetry")
    assert (measurement["source"], measurement["seq"], telemetry["seq"]) == ("drone-7", 0, 1)
    assert {message.headers["Nmqtt-Pub"] for message in listener.messages if message.headers} == {"1"}
    assert [body["status"] for body in listener.bodies("devices.drone-7.status")] == ["online", "offline"]


async def test_a_task_is_received_once_and_every_repeat_gets_the_last_answer(
    broker: MqttEndpoint, bus: Nats, listener: Listener, eventually: Eventually
) -> None:
    async with Device(broker, "drone-7") as device:
        await device.connected.wait()
        await bus.publish("tasks.drone-7.dispatch", b"{not json")
        await bus.publish("tasks.drone-7.dispatch", encode(task()))
        await bus.publish("tasks.drone-7.dispatch", encode(task()))
        received = await anext(device.tasks())
        device.answer(received.id, "executing", progress=0.25, note="on the way")
        await eventually(lambda: len(listener.bodies("tasks.drone-7.status")) >= 3)
        await bus.publish("tasks.drone-7.dispatch", encode(task()))
        await eventually(lambda: len(listener.bodies("tasks.drone-7.status")) >= 4)
        assert device.malformed_dispatches == 1
        assert device._dispatched.empty()
    answers = listener.bodies("tasks.drone-7.status")
    assert {body["task"] for body in answers} == {"task-1"}
    assert answers[0]["state"] == "received"
    assert (answers[-1]["state"], answers[-1]["progress"]) == ("executing", 0.25)


async def test_nothing_buffered_is_lost_when_the_broker_dies_and_comes_back(
    nats_server: Any, broker: MqttEndpoint, bus: Nats, eventually: Eventually
) -> None:
    await bus.jetstream().add_stream(name="INGEST", subjects=["observations.*"])
    async with Device(broker, "drone-7", backoff=QUICK) as device:
        sent = [device.observe("report", text="before the cut")]
        assert await device.flush()
        nats_server.kill()
        sent += [device.observe("report", text=f"during the cut {number}") for number in range(200)]
        await eventually(lambda: not device.connected.is_set())
        await asyncio.to_thread(nats_server.start)
        assert await device.flush(20.0)
        assert (device.sent, device.dropped, device.connections) == (201, 0, 2)
        await eventually(lambda: bus.is_connected)
        await bus.publish("tasks.drone-7.dispatch", encode(task()))
        async with asyncio.timeout(5):
            assert (await anext(device.tasks())).id == "task-1"
    stored = [await bus.jetstream().get_msg("INGEST", seq) for seq in range(1, 202)]
    assert [json.loads(message.data or b"")["id"] for message in stored] == [observation.id for observation in sent]


async def test_the_last_will_says_offline_when_a_device_dies(
    broker: MqttEndpoint, listener: Listener, eventually: Eventually
) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with Device(broker, "drone-7")._client() as client:
            client._client.socket().shutdown(socket.SHUT_RDWR)
            await anext(client.messages)
    await eventually(lambda: listener.bodies("devices.drone-7.status") == [{"status": "offline"}])
    assert listener.bodies("devices.drone-7.status") == [{"status": "offline"}]


async def test_a_full_buffer_lets_the_oldest_go_and_counts_it() -> None:
    device = Device(NOWHERE, "gas-7", capacity=3)
    sent = [device.observe("report", text=str(number)) for number in range(5)]
    assert (device.pending, device.dropped) == (3, 2)
    assert [observation.seq for observation in sent] == [0, 1, 2, 3, 4]
    assert len({observation.id for observation in sent}) == 5


@pytest.mark.parametrize(
    ("kind", "fields", "code", "field"),
    [
        ("measurement", {"quantity": "co", "value": float("nan"), "unit": "ppm"}, ErrorCode.INVALID_FIELD, "value"),
        ("position", {"lat": 91.0, "lon": 0.0}, ErrorCode.INVALID_FIELD, "lat"),
        ("smell", {}, ErrorCode.UNKNOWN_KIND, "kind"),
        (
            "report",
            {"text": "x", "observed_at": NOW + timedelta(days=9999)},
            ErrorCode.OUT_OF_TIME_WINDOW,
            "observed_at",
        ),
    ],
)
async def test_a_wrong_field_is_named_before_anything_is_sent(
    kind: str, fields: dict[str, Any], code: ErrorCode, field: str
) -> None:
    device = Device(NOWHERE, "gas-7")
    with pytest.raises(InputError) as raised:
        device.observe(kind, **fields)
    assert (raised.value.code, raised.value.field, device.pending) == (code, field, 0)


async def test_a_device_with_its_own_credential_names_itself_and_beats(
    broker: MqttEndpoint, listener: Listener, eventually: Eventually
) -> None:
    own = MqttEndpoint(host=broker.host, port=broker.port, username="gas-7", password=OWN_CREDENTIAL)
    async with Device(own, "gas-7", heartbeat_s=0.1) as device:
        device.observe("measurement", quantity="carbon_monoxide", value=3.5, unit="ppm")
        assert await device.flush()
        await eventually(lambda: len(listener.bodies("devices.gas-7.status")) >= 3)
    assert [body["source"] for body in listener.bodies("observations.measurement.gas-7")] == ["gas-7"]
    assert {body["status"] for body in listener.bodies("devices.gas-7.status")} <= {"online", "offline"}
