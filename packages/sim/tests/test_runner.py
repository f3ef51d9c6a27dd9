"""ridge-fire on the real broker: the drone answers, sees and finishes; the process starts and stops as asked."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from summit_core.model import Task
from summit_core.wire import encode
from summit_sdk import Endpoints, MqttEndpoint

SOURCES = {
    *(f"cam-{number}" for number in range(1, 5)),
    *(f"crew-{number}" for number in range(1, 5)),
    *("drone-1", "drone-2", "engine-1", "wx-1", "gas-1", "adsb-1", "radar-1"),
}


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Nats]:
    client = await nats.connect(nats_url)
    yield client
    await client.close()


@pytest.fixture
def endpoints(mqtt_port: int, tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.json"
    path.write_bytes(
        encode(Endpoints(gateway="http://127.0.0.1:9", mqtt=MqttEndpoint(host="127.0.0.1", port=mqtt_port)))
    )
    return path


async def start(endpoints: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "summit_sim", "--endpoints", str(endpoints), *options),
        stdout=asyncio.subprocess.PIPE,
    )


async def test_a_dispatched_task_is_done_within_25_seconds_at_speed_20(
    endpoints: Path, bus: Nats, investigate: Callable[..., Task]
) -> None:
    sources: set[str] = set()
    detections: list[dict[str, object]] = []
    answers: list[str] = []
    done = asyncio.Event()

    async def hear(message: Msg) -> None:
        body = json.loads(message.data)
        if message.subject.startswith("tasks."):
            answers.append(body["state"])
            if body["state"] == "done":
                done.set()
        elif "source" in body:
            sources.add(body["source"])
            if message.subject == "observations.detection":
                detections.append(body)

    for subject in ("observations.*", "devices.*.telemetry", "tasks.*.status"):
        await bus.subscribe(subject, cb=hear)
    process = await start(endpoints, "--speed", "20", "--seed", "5")
    async with asyncio.timeout(25.0):
        while not answers:  # as tasking does: again until it is received
            await bus.publish("tasks.drone-1.dispatch", encode(investigate()))
            await asyncio.sleep(0.2)
        await done.wait()
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), 5.0)
    assert process.returncode == 0
    assert sources == SOURCES
    assert detections[0]["causes"] == ["task-1"]
    in_order = list(dict.fromkeys(answers))
    assert in_order == ["received", "accepted", "executing", "done"]
    lines = [json.loads(line) for line in output.splitlines()]
    assert (lines[0]["event"], lines[-1]["event"]) == ("scenario begins", "scenario ends")
    assert (lines[-1]["pending"], lines[-1]["dropped"]) == (0, 0)


async def test_it_ends_after_the_duration_and_says_what_it_cannot_read(endpoints: Path, tmp_path: Path) -> None:
    process = await start(endpoints, "--duration", "0.5")
    output, _ = await asyncio.wait_for(process.communicate(), 15.0)
    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1])["sent"] > 15
    process = await start(tmp_path / "absent.json")
    output, _ = await asyncio.wait_for(process.communicate(), 15.0)
    assert process.returncode == 2
    assert "summit up" in json.loads(output)["event"]
