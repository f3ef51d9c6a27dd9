"""Devices with credentials of their own, over everything: registered, heard by MQTT and by HTTP, revoked, gone."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import aiomqtt
import pytest
from summit_sdk import Backoff, Device

Wait = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def system(launch: Callable[..., Any]) -> Any:
    """A system in which no device shares a user."""
    return launch("--scenario", "none", "--own-credentials")


async def test_one_credential_opens_both_doors_until_it_is_revoked(system: Any, api: Any, eventually: Wait) -> None:
    made = system.run("source", "register", "gas-7", "--interval", "2", "--json", "--state-dir", system.state_dir)
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["key"]

    async def stored_both() -> bool:
        return bool((await api.get("/v1/observations/count?source=gas-7"))["count"] == 2)

    async def link() -> str:
        return str((await api.get("/v1/registrations/gas-7"))["link"])

    async def is_online() -> bool:
        return await link() == "online"

    async def is_offline() -> bool:
        return await link() == "offline"

    broker = {"credential": key, "backoff": Backoff(first_s=0.2, longest_s=0.5)}
    async with Device.from_endpoints(system.state_dir / "endpoints.json", "gas-7", **broker) as sensor:
        sensor.observe("measurement", quantity="carbon_monoxide", value=3.1, unit="ppm")
        assert await sensor.flush()
        assert await _send(api.base, key, "gas-7") == (202, None)
        assert await _send(api.base, key, "drone-1") == (422, "source_mismatch")
        for path in ("/v1/entities", "/v1/registrations", "/v1/stream"):
            assert await _read(api.base, key, path) == 403
        await eventually(stored_both, within_s=10, what="both are stored")
        await eventually(is_online, within_s=10, what="the link is online")
        assert "gas-7" in system.run("status", "--state-dir", system.state_dir).stdout

        revoked = system.run("source", "revoke", "gas-7", "--state-dir", system.state_dir)
        assert revoked.returncode == 0, revoked.stderr

        async def cut() -> bool:
            return not sensor.connected.is_set()

        async def shut() -> bool:
            return await _read(api.base, key, "/v1/entities") == 401

        await eventually(cut, within_s=5, what="the connection is ended")
        await eventually(shut, within_s=10, what="the HTTP door is shut")
    await eventually(is_offline, within_s=10, what="the link is offline")


async def test_the_shared_user_is_gone(system: Any) -> None:
    broker = system.endpoints["mqtt"]
    assert (broker["username"], broker["password"]) == (None, None)
    secret = json.loads((system.state_dir / "secrets.json").read_text())["mqtt_device"]
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(broker["host"], broker["port"], username="device", password=secret, timeout=8.0):
            pass


async def _send(base: str, key: str, source: str) -> tuple[int, str | None]:
    """Status, and why it was rejected."""
    at = datetime.now(UTC).isoformat()
    body = {"kind": "measurement", "source": source, "observed_at": at, "quantity": "x", "value": 1.0, "unit": "1"}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        answer = await http.post(f"{base}/v1/observations", json=body)
        said = await answer.json(content_type=None)
        return answer.status, said["rejected"][0]["code"] if said.get("rejected") else said.get("detail")


async def _read(base: str, key: str, path: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http,
        http.get(base + path) as answer,
    ):
        return answer.status
