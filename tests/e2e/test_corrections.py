"""What an operator says of a drone holds on REST and on the stream, through a `kill -9`, until it is taken back."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import pytest

DRONE = "corrected-drone"


async def report(system: Any, battery: float) -> None:
    mqtt = system.endpoints["mqtt"]
    said = {
        "source": DRONE,
        "observed_at": datetime.now(UTC).isoformat(),
        "lat": 39.8,
        "lon": -121.4,
        "category": "drone",
        "label": "SN 4711",
        "battery": battery,
    }
    async with aiomqtt.Client(
        mqtt["host"], mqtt["port"], username=mqtt["username"], password=mqtt["password"], identifier="corrections"
    ) as client:
        await client.publish(f"devices/{DRONE}/telemetry", json.dumps(said), qos=1)


@pytest.mark.timeout(90)
async def test_a_correction_holds_until_it_is_taken_back(system: Any, api: Any, eventually: Any) -> None:
    async def call(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, str]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with api.session.request(method, api.base + path, json=body, headers=sent) as response:
            return response.status, await response.json(content_type=None), response.headers.get("ETag", "")

    async def battery_is(level: float) -> Any:
        status, shown, _ = await call("GET", f"/v1/entities/{DRONE}")
        return shown if status == 200 and shown["health"]["battery"] == level else None

    await report(system, 0.9)
    await eventually(lambda: battery_is(0.9), within_s=10, what="the drone")
    _, _, tag = await call("GET", f"/v1/entities/{DRONE}")
    async with api.session.ws_connect(api.base + f"/v1/stream?from={tag.strip(chr(34))}") as socket:
        patch = {"label": "Relief", "reason": "radio"}
        status, said, version = await call("PATCH", f"/v1/entities/{DRONE}", patch, If_Match=tag)
        assert (status, said["label"], said["overridden"]["label"]["automatic"]) == (200, "Relief", "SN 4711")
        async with asyncio.timeout(10):
            while (frame := await socket.receive_json()).get("seq") != int(version.strip('"')):
                pass
        assert (frame["type"], frame["key"], frame["body"]) == ("entities", DRONE, said)
    status, place, _ = await call("POST", "/v1/entities", {"kind": "place", "label": "Staging"})
    assert (status, place["owner"]) == (201, "operator")

    system.kill("summit_fabric")
    await report(system, 0.5)
    shown = await eventually(lambda: battery_is(0.5), within_s=30, what="the drone after the crash")
    assert (shown["label"], shown["overridden"]["label"]["reason"]) == ("Relief", "radio")
    status, back, _ = await call("DELETE", f"/v1/entities/{DRONE}/overrides/label", If_Match=version)
    assert (status, back["label"], "overridden" in back) == (200, "SN 4711", False)
    assert (await call("GET", f"/v1/entities/{place['id']}"))[1] == place
