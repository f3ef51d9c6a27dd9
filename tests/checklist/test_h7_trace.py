"""H7: the trace of a request goes with it through every process: gateway, bus, fusion, intelligence, logs, stream."""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import nats
import pytest
from aiohttp import ClientSession
from nats.js.api import ConsumerConfig, DeliverPolicy

CAMERAS = (("h7-west", 20.05, -33.10, 90.0), ("h7-south", 20.0, -33.05, 0.0))
"""Name, place and azimuth of two cameras that look at one spot."""
WAY = {"log of the gateway", "observation", "world by fusion", "world by intelligence", "stream"}


def smoke() -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    return [
        {"kind": "bearing", "source": name, "observed_at": now, "lat": lat, "lon": lon, "azimuth_deg": azimuth}
        | {"sigma_deg": 1.0, "class": "smoke", "confidence": 0.9}
        for name, lat, lon, azimuth in CAMERAS
    ]


async def world(stack: Any) -> list[dict[str, Any]]:
    """Every event of the world stream that is there now."""
    client = await nats.connect(stack.endpoints["nats"])
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    reading = await client.jetstream().subscribe("world.>", ordered_consumer=True, config=config)
    left = (await reading.consumer_info()).num_pending or 0
    found = [json.loads((await reading.next_msg(timeout=10)).data or b"{}") for _ in range(left)]
    await client.close()
    return found


async def frames(stack: Any) -> list[dict[str, Any]]:
    """The picture as the stream shows it to who connects."""
    headers = {"Authorization": f"Bearer {stack.key}"}
    found: list[dict[str, Any]] = []
    async with ClientSession(headers=headers) as session, session.ws_connect(stack.gateway + "/v1/stream") as socket:
        while not found or found[-1]["op"] != "snapshot-end":
            found.append(await socket.receive_json(timeout=10))
    return found


async def missing(stack: Any, trace: str, observation: str) -> set[str]:
    """Where the trace of a request did not come to."""
    came = {f"world by {one['source']}" for one in await world(stack) if trace in one.get("trace", "")}
    came |= {"stream"} if any(trace in one.get("trace", "") for one in await frames(stack)) else set()
    lines = [json.loads(line) for line in (stack.logs / "api-gateway.log").read_text().splitlines()]
    logged = any(one.get("trace_id") == trace and one["event"] == "request" for one in lines)
    came |= {"log of the gateway"} if logged else set()
    kept = json.loads(stack.ask("GET", f"/v1/observations/{observation}")[2])
    return WAY - (came | ({"observation"} if trace in kept.get("trace", "") else set()))


def send(stack: Any, **headers: str) -> str:
    """Report the smoke; the id of the second observation, once there is an advisory of the hazard that came of both."""
    status, _, body = stack.ask("POST", "/v1/observations", smoke(), **headers)
    assert status == 202, body
    made = json.loads(body)["ids"][1]

    def seen() -> bool:
        status, _, body = stack.ask("GET", f"/v1/observations/{made}")
        known = status == 200 and "id" in json.loads(body)
        return known and b"h7-west" in stack.ask("GET", "/v1/entities?kind=hazard&bbox=-33.3,19.8,-32.9,20.3")[2]

    stack.until(seen, within_s=15, what="the hazard")
    return made


async def test_a_trace_goes_from_the_door_to_the_stream(stack: Any) -> None:
    trace = secrets.token_hex(16)
    observation = send(stack, traceparent=f"00-{trace}-{'b' * 16}-01")
    left = await until_none(stack, trace, observation)
    assert left == set()


@pytest.mark.planted("a request whose header is not carried on (it is not valid): everything is there but its trace")
async def test_a_trace_that_is_dropped_is_noticed(stack: Any) -> None:
    trace = secrets.token_hex(16)
    observation = send(stack, traceparent=f"00-{trace}-{'0' * 16}-01")
    assert await missing(stack, trace, observation) == WAY


async def until_none(stack: Any, trace: str, observation: str) -> set[str]:
    left = WAY
    for _ in range(20):
        left = await missing(stack, trace, observation)
        if not left:
            break
        await asyncio.sleep(0.25)  # other processes: nothing to await
    return left
