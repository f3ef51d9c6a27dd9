"""Who may connect and what they may do: a real broker asks a real fabric, real MQTT clients try."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import structlog
from fabric_harness import good, telemetry
from registry_harness import VIEWER, Broker, Registry, registry_of
from summit_core.model import Link
from waiting import eventually


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The tracebacks of loops whose broker is gone cost seconds each when they are drawn for a terminal."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    started = Broker(tmp_path / "state")
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def registry(broker: Broker, database_url: str) -> AsyncIterator[Registry]:
    async with registry_of(broker, database_url) as one:
        yield one


def _reading(source: str) -> bytes:
    return json.dumps(good(source)).encode()


async def test_a_registered_device_writes_as_itself(registry: Registry, broker: Broker) -> None:
    key = await registry.register("gas-7", label="Ridge road", expected_interval_s=5.0)
    async with broker.mqtt("gas-7", key) as client:
        await client.publish("observations/measurement/gas-7", _reading("gas-7"), qos=1)
        await client.publish("devices/gas-7/telemetry", json.dumps(telemetry("gas-7")).encode(), qos=1)
        assert (await client.subscribe("tasks/gas-7/dispatch", qos=1))[0].value < 0x80

        async def stored() -> bool:
            return await registry.fabric.count("gas-7") == 2

        await eventually(stored)

        async def online() -> bool:
            return (await registry.shown("gas-7")).link is Link.ONLINE

        await eventually(online)
    account = await registry.fabric.account("gas-7")
    assert (account["stored"], account["rejected"], account["expected_interval_s"]) == (2, 0, 5.0)


async def test_what_names_another_source_is_refused_and_charged_to_the_sender(
    registry: Registry, broker: Broker
) -> None:
    key = await registry.register("gas-7")
    async with broker.mqtt("gas-7", key) as client:
        await client.publish("observations/measurement/gas-7", _reading("drone-1"), qos=1)

    async def charged() -> bool:
        return (await registry.fabric.account("gas-7")).get("rejected_by") == {"source_mismatch": 1}

    await eventually(charged)
    assert await registry.fabric.count("drone-1") == 0


async def test_another_devices_topic_is_dropped_and_counted(registry: Registry, broker: Broker) -> None:
    key = await registry.register("a")
    await registry.register("b")
    async with broker.mqtt("a", key) as client:
        await client.publish("observations/measurement/b", _reading("b"), qos=1)  # acknowledged all the same
        await client.publish("devices/b/status", b'{"status":"offline"}', qos=1)
        await client.publish("observations/measurement", _reading("b"), qos=1)
        await client.publish("world/entities/b", b"{}", qos=2)
        await client.publish("observations/measurement/a", _reading("a"), qos=1)

    async def counted() -> bool:
        return (await registry.shown("a")).denied == 4

    await eventually(counted, within_s=5.0)
    denial = (await registry.shown("a")).last_denial
    assert denial is not None
    assert denial.subject == "world.entities.b"
    assert (await registry.shown("b")).denied == 0
    assert [await registry.fabric.count(one) for one in ("a", "b")] == [1, 0]
    async with registry.fabric.http.get(f"{registry.fabric.url}/metrics") as response:
        assert 'summit_denied_publishes_total{source="a"}' in await response.text()


async def test_a_forged_last_will_is_dropped(registry: Registry, broker: Broker) -> None:
    keys = {one: await registry.register(one) for one in ("a", "b")}
    will = aiomqtt.Will("devices/b/status", b'{"status":"offline"}', qos=1)
    async with broker.mqtt("b", keys["b"]) as victim:
        await victim.publish("devices/b/status", b'{"status":"online"}', qos=1)
        async with broker.mqtt("a", keys["a"], will=will) as client:
            client._client.socket().shutdown(2)

            async def counted() -> bool:
                return (await registry.shown("a")).denied == 1

            await eventually(counted)
    assert (await registry.shown("b")).link is not Link.OFFLINE


@pytest.mark.parametrize("topic", ["#", "tasks/+/dispatch", "tasks/b/dispatch", "world/#", "$SYS/#", "$MQTT/sub/#"])
async def test_nobody_listens_to_others(registry: Registry, broker: Broker, topic: str) -> None:
    key = await registry.register("a")
    async with broker.mqtt("a", key) as client:
        for qos in (0, 1):
            assert (await client.subscribe(topic, qos=qos))[0].value >= 0x80


async def test_wrong_credentials_stay_outside(registry: Registry, broker: Broker) -> None:
    key, other = await registry.register("a"), await registry.register("b")
    async with broker.mqtt("a", key):  # the right one
        pass
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    for device, password in (
        ("a", wrong),
        ("a", other),
        ("a", ""),
        ("a", "x"),
        ("nobody", key),
        ("", key),
        ("a/b", key),
    ):
        assert await broker.refuses(device, password, identifier="a"), (device, password)
    assert await broker.refuses("a", key, identifier="b"), "another's client id would end its connection"
    assert not await broker.refuses("a", key, identifier="a/2")
    async with registry.fabric.http.get(f"{registry.fabric.url}/metrics") as response:
        text = await response.text()
    assert 'summit_device_authorisations_total{outcome="client_id"}' in text
    assert 'summit_device_authorisations_total{outcome="wrong"}' in text


async def test_a_key_of_a_device_does_not_open_the_bus(registry: Registry, broker: Broker) -> None:
    key = await registry.register("a")
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.server.port)
    writer.write(f"CONNECT {json.dumps({'user': 'a', 'pass': key, 'verbose': False})}\r\nPING\r\n".encode())
    answer = b""
    while b"-ERR" not in answer and b"PONG" not in answer:
        answer += await asyncio.wait_for(reader.readline(), 5.0)
    writer.close()
    await writer.wait_closed()
    assert b"Authorization Violation" in answer


async def test_a_revoked_credential_ends_the_connection(registry: Registry, broker: Broker) -> None:
    key = await registry.register("a")
    async with broker.mqtt("a", key) as client:
        began = asyncio.get_running_loop().time()
        await registry.revoke("a")
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(10.0):
                await anext(aiter(client.messages))
        took = asyncio.get_running_loop().time() - began
    assert took < 5.0
    assert await broker.refuses("a", key)
    (credential,) = (await registry.shown("a")).credentials
    assert credential.revoked_at is not None


async def test_rotation_overlaps_and_then_ends_the_old(registry: Registry, broker: Broker) -> None:
    old = await registry.register("a")
    async with broker.mqtt("a", old, identifier="a/old") as connected:
        new = await registry.rotate("a", overlap_s=1.5)
        async with broker.mqtt("a", new), broker.mqtt("a", old, identifier="a/still"):
            pass
        with pytest.raises(aiomqtt.MqttError):  # the overlap is over: the connection of the old one too
            async with asyncio.timeout(10.0):
                await anext(aiter(connected.messages))
    assert await broker.refuses("a", old)
    assert not await broker.refuses("a", new)


async def test_a_credential_expires_while_connected(registry: Registry, broker: Broker) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    key = await registry.register("a", expires_at=until)
    async with broker.mqtt("a", key) as client:
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(10.0):
                await anext(aiter(client.messages))
    assert await broker.refuses("a", key)


async def test_a_removed_registration_is_outside_at_once(registry: Registry, broker: Broker) -> None:
    key = await registry.register("a")
    async with broker.mqtt("a", key) as client:
        status, _, _ = await registry.call("DELETE", "/a", **{"If-Match": "*"})
        assert status == 204
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(10.0):
                await anext(aiter(client.messages))
    assert await broker.refuses("a", key)
    again = await registry.register("a")
    assert await broker.refuses("a", key)
    assert not await broker.refuses("a", again)


async def test_a_node_speaks_for_what_stands_behind_it(registry: Registry, broker: Broker) -> None:
    key = await registry.register("edge", kind="node")
    assert await registry.register("cam-1", node="edge") == ""
    async with broker.mqtt("edge", key) as client:
        await client.publish("observations/measurement/cam-1", _reading("cam-1"), qos=1)

        async def stored() -> bool:
            return await registry.fabric.count("cam-1") == 1

        await eventually(stored)
        await registry.register("cam-2", node="edge")
        with pytest.raises(aiomqtt.MqttError):  # it has other rights now: it is ended, and comes again with them
            async with asyncio.timeout(10.0):
                await anext(aiter(client.messages))
    will = aiomqtt.Will("devices/edge/status", b'{"status":"offline"}', qos=1)
    async with broker.mqtt("edge", key, will=will) as client:
        await client.publish("observations/measurement/cam-2", _reading("cam-2"), qos=1)

        async def online() -> bool:
            return (await registry.shown("cam-2")).link is (await registry.shown("edge")).link is Link.ONLINE

        await eventually(online)
        client._client.socket().shutdown(2)

        async def offline() -> bool:
            return (await registry.shown("cam-2")).link is Link.OFFLINE

        await eventually(offline)
    assert "its node edge is offline" in (await registry.shown("cam-2")).link_reason
    assert (await registry.call("DELETE", "/edge", **{"If-Match": "*"}))[0] == 409


async def test_while_fabric_is_away_connections_go_on(broker: Broker, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        async with registry_of(broker, database_url) as registry:
            key = await registry.register("a")
            client = await stack.enter_async_context(broker.mqtt("a", key))
        await client.publish("observations/measurement/a", _reading("a"), qos=1)
        assert await broker.refuses("a", key, identifier="a/2"), "nobody answers for new ones"
        async with registry_of(broker, database_url) as registry:
            await client.publish("observations/measurement/a", _reading("a"), qos=1)
            assert not await broker.refuses("a", key, identifier="a/2")

            async def stored() -> bool:
                return await registry.fabric.count("a") == 2

            await eventually(stored)


async def test_a_restart_of_the_broker_locks_nobody_out(
    registry: Registry, broker: Broker, postgres_server: Any
) -> None:
    key = await registry.register("a")
    await asyncio.to_thread(postgres_server.kill)
    try:
        await broker.stop()
        await broker.start()

        async def again() -> bool:
            return not await broker.refuses("a", key)

        await eventually(again, within_s=15.0)
        assert not await broker.refuses("a", key), "and it stays so"
    finally:
        await asyncio.to_thread(postgres_server.start)


async def test_malformed_requests_do_not_stop_the_answers(registry: Registry, broker: Broker) -> None:
    key = await registry.register("a")
    for data in (
        b"",
        b"x",
        b"a.b.c",
        b"..",
        b"." * 1000,
        b"e30.e30.e30",
        b"\xff.\xff.\xff",
        b"x" * 100_000,
        b"[" * 5000,
    ):
        await registry.fabric.bus.client.publish("$SYS.REQ.USER.AUTH", data, reply="_INBOX.nobody")
    await registry.fabric.bus.jetstream.account_info()  # flush would ask before they are written
    assert not await broker.refuses("a", key)
    assert await registry.fabric.problems() == {}


async def test_the_calls_and_their_refusals(registry: Registry) -> None:
    status, answer, headers = await registry.call("POST", "", {"id": "a", "label": "one", "expected_interval_s": 4})
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert answer["key"].startswith("smt_")
    assert answer["key"] not in json.dumps(answer["registration"])
    tag = headers["ETag"]
    assert (await registry.call("POST", "", {"id": "a"}))[0] == 409
    assert (await registry.call("POST", "", {"id": "c", "node": "a"}))[0] == 422
    assert (await registry.call("POST", "", {"id": "x.y"}))[0] == 422
    assert (await registry.call("POST", "", {"id": "d", "surprise": 1}))[0] == 422
    assert (await registry.call("POST", "", {"id": "d"}, who=VIEWER))[0] == 403
    assert (await registry.call("PATCH", "/a", {"label": "two"}))[0] == 428
    status, changed, headers = await registry.call("PATCH", "/a", {"label": "two"}, **{"If-Match": tag})
    assert (status, changed["label"], changed["expected_interval_s"]) == (200, "two", 4)
    assert (await registry.call("PATCH", "/a", {"label": "three"}, **{"If-Match": tag}))[0] == 412
    status, changed, _ = await registry.call(
        "PATCH", "/a", {"expected_interval_s": None}, **{"If-Match": headers["ETag"]}
    )
    assert (status, "expected_interval_s" in changed) == (200, False)
    assert (await registry.call("POST", "/a/revoke", {"credential": "0123456789ab"}))[0] == 404
    assert (await registry.call("POST", "/nobody/rotate", {}))[0] == 404
    assert (await registry.call("DELETE", "/nobody", **{"If-Match": "*"}))[0] == 404


async def test_five_hundred_devices_come_at_once(
    registry: Registry, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = [f"d-{number}" for number in range(500)]
    keys = dict(zip(devices, await asyncio.gather(*map(registry.register, devices)), strict=True))
    loop = asyncio.get_running_loop()
    began = loop.time()
    writers = await asyncio.gather(*(_connect(broker.server.mqtt_port, one, keys[one]) for one in devices))
    took = loop.time() - began
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers))
    with capsys.disabled():
        sys.stdout.write(f"\n500 devices connected with own credentials in {took:.2f} s, {500 / took:.0f}/s\n")
    assert took < 10.0


async def _connect(port: int, device: str, key: str) -> asyncio.StreamWriter:
    """The least of MQTT 3.1.1: CONNECT, and a CONNACK that says yes."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = text("MQTT") + b"\x04\xc2\x00\x3c" + text(device) + text(device) + text(key)
    assert len(body) < 16_384
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x10" + bytes([len(body) % 128 | 0x80, len(body) // 128]) + body)
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    return writer
