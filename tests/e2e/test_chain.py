"""The main flow over real processes: smoke reported, located, judged, answered, flown, confirmed, explained."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import aiomqtt
import pytest
from summit_core.geo import destination, distance_m, initial_bearing_deg

FIRE = (39.80, -121.40)
CAMERAS = {
    f"e2e-cam-{number}": destination(*FIRE, bearing, distance)
    for number, (bearing, distance) in enumerate(((200.0, 6000.0), (320.0, 7000.0), (80.0, 8000.0)), 1)
}
ERRORS_DEG = (0.4, -0.5, 0.3)
DRONE = "e2e-drone"
HOME = destination(*FIRE, 150.0, 2500.0)


def now() -> str:
    return datetime.now(UTC).isoformat()


def telemetry(position: tuple[float, float], task: str | None = None) -> bytes:
    return json.dumps(
        {
            "source": DRONE,
            "observed_at": now(),
            "lat": position[0],
            "lon": position[1],
            "category": "drone",
            "battery": 0.9,
            "endurance_s": 1500,
            "cruise_mps": 20,
            "capabilities": ["investigate", "camera"],
            "home": HOME,
            "task": task,
        }
    ).encode()


@asynccontextmanager
async def mqtt(system: Any, name: str) -> AsyncIterator[aiomqtt.Client]:
    broker = system.endpoints["mqtt"]
    async with aiomqtt.Client(
        broker["host"], broker["port"], username=broker["username"], password=broker["password"], identifier=name
    ) as client:
        yield client


@asynccontextmanager
async def stream(system: Any) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    headers = {"Authorization": f"Bearer {system.key}"}

    async def follow(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frames.put_nowait(json.loads(message.data))

    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(system.endpoints["gateway"] + "/v1/stream") as socket,
    ):
        reader = asyncio.create_task(follow(socket))
        yield frames
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def pushed(frames: asyncio.Queue[dict[str, Any]], type_: str, **expected: Any) -> dict[str, Any]:
    """The next upsert of a type whose body has these fields."""
    async with asyncio.timeout(30):
        while True:
            frame = await frames.get()
            if frame["op"] == "upsert" and frame["type"] == type_:
                body: dict[str, Any] = frame["body"]
                if all(body.get(name) == value for name, value in expected.items()):
                    return body


async def report_smoke(client: aiomqtt.Client) -> None:
    for (camera, position), error in zip(CAMERAS.items(), ERRORS_DEG, strict=True):
        azimuth = (initial_bearing_deg(*position, *FIRE) + error) % 360
        bearing = {
            "source": camera,
            "observed_at": now(),
            "lat": position[0],
            "lon": position[1],
            "azimuth_deg": azimuth,
            "sigma_deg": 1.0,
            "class": "smoke",
            "confidence": 0.8,
        }
        await client.publish("observations/bearing", json.dumps(bearing), qos=1)


async def fly(client: aiomqtt.Client, task: dict[str, Any]) -> None:
    """What a drone does with a task: accepts, goes, looks, says what it sees, is done."""
    topic = f"tasks/{DRONE}/status"

    async def say(state: str, **more: Any) -> None:
        status = {"task": task["id"], "state": state, "at": now(), **more}
        await client.publish(topic, json.dumps(status), qos=1)

    await say("received")
    await say("accepted")
    await say("executing", progress=0.5)
    target = task["plan"]["waypoints"][0]
    await client.publish(f"devices/{DRONE}/telemetry", telemetry((target["lat"], target["lon"]), task["id"]), qos=1)
    detection = {
        "source": DRONE,
        "observed_at": now(),
        "class": "fire",
        "confidence": 0.95,
        "lat": FIRE[0],
        "lon": FIRE[1],
        "sigma_m": 15,
        "causes": [task["id"]],
    }
    await client.publish("observations/detection", json.dumps(detection), qos=1)
    await say("done", progress=1.0)


@pytest.mark.timeout(90)
async def test_from_smoke_to_a_confirmed_fire(system: Any, api: Any, eventually: Any) -> None:
    async with stream(system) as frames, mqtt(system, "e2e") as client:
        await client.subscribe(f"tasks/{DRONE}/dispatch", qos=1)
        await client.publish(f"devices/{DRONE}/telemetry", telemetry(HOME), qos=1)
        await pushed(frames, "entities", id=DRONE)

        started = time.monotonic()
        await report_smoke(client)
        incident = await pushed(frames, "incidents", state="suspected")
        pushed_s = time.monotonic() - started
        await eventually(lambda: api.items("/v1/incidents"), within_s=2, what="incident by REST")
        readable_s = time.monotonic() - started
        assert pushed_s < 2.0
        assert readable_s < 2.0

        (proposal,) = await eventually(lambda: api.items("/v1/tasks"), within_s=5, what="proposal")
        assert (proposal["asset"], proposal["state"]) == (DRONE, "proposed")
        approved = time.monotonic()
        status, answer = await api.post(f"/v1/tasks/{proposal['id']}/approve", {"plan_hash": proposal["plan_hash"]})
        assert status == 200, answer
        async with asyncio.timeout(10):
            message = await anext(aiter(client.messages))
        assert str(message.topic) == f"tasks/{DRONE}/dispatch"
        await fly(client, json.loads(message.payload))
        await pushed(frames, "tasks", state="accepted")
        accepted_s = time.monotonic() - approved
        assert accepted_s < 2.0
        done = await pushed(frames, "tasks", state="done")

        async def confirmed() -> bool:
            return (await api.get(f"/v1/incidents/{incident['id']}"))["state"] == "confirmed"

        await eventually(confirmed, within_s=5, what="incident confirmed")
    await check_location(api)
    await check_lineage(api, done["id"], incident["id"], eventually)
    figures = {"incident_pushed_s": pushed_s, "incident_readable_s": readable_s, "accepted_s": accepted_s}
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


async def check_location(api: Any) -> None:
    (hazard,) = await api.items("/v1/entities?kind=hazard")
    assert not hazard.get("ambiguous", False)
    assert distance_m(hazard["location"]["lat"], hazard["location"]["lon"], *FIRE) < 400
    assert {bearing["source"] for bearing in hazard["bearings"]} == set(CAMERAS)
    (alert,) = await api.items("/v1/alerts")
    assert alert["evidence"]
    assert await api.items("/v1/advisories")


async def check_lineage(api: Any, task: str, incident: str, eventually: Any) -> None:
    """From the task back to the observations of every camera, one call."""

    async def complete() -> dict[str, Any] | None:
        lineage: dict[str, Any] = await api.get(f"/v1/lineage/{task}")
        sources = {node.get("source") for node in lineage["nodes"] if node["type"] == "observation"}
        return lineage if set(CAMERAS) <= sources else None

    lineage = await eventually(complete, within_s=10, what="lineage back to the observations")
    assert incident in {node["id"] for node in lineage["nodes"]}
    reached, frontier = {task}, [task]
    while frontier:
        node = frontier.pop()
        for edge in lineage["edges"]:
            if edge["from"] == node and edge["to"] not in reached:
                reached.add(edge["to"])
                frontier.append(edge["to"])
    observations = {node["id"] for node in lineage["nodes"] if node["type"] == "observation"}
    assert observations
    assert observations <= reached, "every observation hangs on the task by an unbroken chain"
    observation = await api.get(f"/v1/observations/{next(iter(observations))}")
    assert observation["kind"] in {"bearing", "detection", "telemetry"}
