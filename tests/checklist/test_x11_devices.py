"""X11: two organisations on the running system. What a device of one sends by MQTT or NATS is seen by its people on all
ways, by nobody of the other on any, and it can neither write nor hear as a device of theirs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import aiomqtt
import nats
import pytest
from summit_cli.embedded.nats import jetstream_info
from waiting import eventually

THEIRS, OURS, OTHERS = "theirs-x11-drone", "our-x11-gas", "theirs-x11"
READS = (
    "/v1/observations",
    "/v1/sources",
    "/v1/registrations",
    "/v1/entities",
    "/v1/dead-letters",
    f"/v1/observations/count?source={THEIRS}",
    f"/v1/observations?source={THEIRS}",
    f"/v1/sources/{THEIRS}",
    f"/v1/registrations/{THEIRS}",
)


def _made(answer: tuple[int, dict[str, str], bytes]) -> Any:
    assert answer[0] == 201, answer
    return json.loads(answer[2])


@dataclass
class Viewer:
    """What a viewer of an organisation hears on both ways of the stream."""

    stack: Any
    key: str
    heard: dict[str, list[str]] = field(default_factory=lambda: {"WebSocket": [], "SSE": []})

    def reads(self) -> dict[str, str]:
        return {path: self.stack.ask("GET", path, key=self.key)[2].decode() for path in READS}

    @property
    def seq(self) -> int:
        """The world up to here is known on both ways."""
        marks = [[json.loads(one)["seq"] for one in said if '"heartbeat"' in one] for said in self.heard.values()]
        return min((found[-1] if found else 0) for found in marks)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        url, headers = f"{self.stack.gateway}/v1/stream", {"Authorization": f"Bearer {self.key}"}

        async def frames(http: aiohttp.ClientSession) -> None:
            async with http.ws_connect(url) as socket:
                async for message in socket:
                    self.heard["WebSocket"].append(message.data)

        async def events(http: aiohttp.ClientSession) -> None:
            async with http.get(url) as answer:
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        self.heard["SSE"].append(line[6:].decode())

        async with aiohttp.ClientSession(headers=headers) as http:
            tasks = [asyncio.create_task(frames(http)), asyncio.create_task(events(http))]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Two:
    """A viewer of each organisation, and the keys of a device of each."""

    stack: Any
    ours: Viewer
    theirs: Viewer
    our_device: str
    their_device: str
    their_administrator: str

    def mqtt(self, device: str, key: str) -> aiomqtt.Client:
        where = self.stack.endpoints["mqtt"]
        return aiomqtt.Client(where["host"], where["port"], username=device, password=key, identifier=device, timeout=8)


@pytest.fixture(scope="module")
def two(stack: Any) -> Iterator[Two]:
    theirs = _made(stack.ask("POST", "/v1/organisations", {"id": OTHERS, "name": "Theirs"}))["key"]["key"]
    devices = [
        _made(stack.ask("POST", "/v1/registrations", {"id": name}, key=key))["key"]
        for name, key in ((OURS, stack.key), (THEIRS, theirs))
    ]
    wanted = {"name": "x11-viewer", "role": "viewer"}
    viewers = [Viewer(stack, _made(stack.ask("POST", "/v1/keys", wanted, key=key))["key"]) for key in (None, theirs)]
    yield Two(stack, *viewers, *devices, theirs)


def observation(source: str, **more: Any) -> str:
    return json.dumps({"source": source, "observed_at": datetime.now(UTC).isoformat()} | more)


async def until(ask: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        await eventually(ask)
    except AssertionError as error:
        pytest.fail(f"{what}: {error}")


def told(viewer: Viewer, foreign: set[str], reads: dict[str, str]) -> dict[str, set[str]]:
    """What of ``foreign`` a viewer was told, by the way on which he was told it. His own question is no answer."""
    said = {path: text for path, text in reads.items() if '"status":404' not in text}
    said |= {way: "".join(frames) for way, frames in viewer.heard.items()}
    return {way: found for way, text in said.items() if (found := {name for name in foreign if name in text})}


async def test_a_device_is_seen_by_its_own_organisation_only(two: Two) -> None:
    stack, here = two.stack, {"lat": 36.5, "lon": -84.2}
    measured = {"quantity": "carbon_monoxide", "value": 3.1, "unit": "ppm"}
    async with AsyncExitStack() as opened:
        for viewer in (two.ours, two.theirs):
            await opened.enter_async_context(viewer.listening())
        async with two.mqtt(THEIRS, two.their_device) as device:
            say = device.publish
            await say(f"devices/{THEIRS}/status", json.dumps({"status": "online"}), qos=1)
            await say(f"devices/{THEIRS}/telemetry", observation(THEIRS, category="drone", **here), qos=1)
            await say(f"observations/measurement/{THEIRS}", observation(THEIRS, **measured), qos=1)
            await say(f"observations/measurement/{THEIRS}", observation(THEIRS, value="much"), qos=1)
        service = await nats.connect(stack.endpoints["nats"])
        await service.publish(f"observations.measurement.{THEIRS}", observation(THEIRS, **measured).encode())
        await service.close()

        async def arrived() -> bool:
            account = json.loads(stack.ask("GET", f"/v1/sources/{THEIRS}", key=two.their_administrator)[2])
            streamed = all(any('"drone"' in frame for frame in said) for said in two.theirs.heard.values())
            return (account.get("stored"), account.get("rejected")) == (3, 1) and streamed

        await until(arrived, "two by MQTT and one by NATS are stored, one is refused, and the drone is on the stream")
        last = max(json.loads(frame)["seq"] for frame in two.theirs.heard["WebSocket"])

        async def caught_up() -> bool:
            return two.ours.seq >= last

        await until(caught_up, "the other viewer's streams have passed all of it")
        reads = await asyncio.to_thread(two.ours.reads)
        assert told(two.ours, {OTHERS}, reads) == {}, "the other organisation was told"
        assert json.loads(reads[f"/v1/observations/count?source={THEIRS}"])["count"] == 0
        silent = {f"/v1/observations/count?source={THEIRS}"}
        shown = told(two.theirs, {OTHERS}, await asyncio.to_thread(two.theirs.reads))
        assert shown.keys() == {*READS, "WebSocket", "SSE"} - silent, "its own people see it on every way"


FORBIDDEN = (
    f"observations/measurement/{OURS}",
    f"devices/{OURS}/telemetry",
    f"devices/{OURS}/status",
    f"tasks/{OURS}/status",
    f"tasks/{OURS}/dispatch",
    f"tasks/{THEIRS}/dispatch",
    "observations/measurement",
    "observations/batch",
    "world/entities/planted",
    "validated/none/measurement",
)
UNHEARD = (f"tasks/{OURS}/dispatch", "tasks/+/dispatch", "#", "world/#", f"observations/+/{OURS}", "audit/#")


async def test_a_device_can_neither_write_nor_hear_as_anothers(two: Two) -> None:
    service = await nats.connect(two.stack.endpoints["nats"])
    arrived: list[str] = []

    async def note(message: Any) -> None:
        if b"x11-planted" in message.data:
            arrived.append(message.subject.replace(".", "/"))

    for subject in ("observations.>", "devices.>", "tasks.>", "world.>", "validated.>"):
        await service.subscribe(subject, cb=note)
    await service.jetstream().account_info()  # flush would ask before the subscription is written
    async with two.mqtt(THEIRS, two.their_device) as device:
        for topic in (*FORBIDDEN, f"tasks/{THEIRS}/status"):
            await device.publish(topic, b"x11-planted", qos=1)

        async def last_arrived() -> bool:
            return f"tasks/{THEIRS}/status" in arrived

        await until(last_arrived, "what it may publish arrives")
        assert arrived == [f"tasks/{THEIRS}/status"]
        for topic in UNHEARD:
            granted = await device.subscribe(topic, qos=1)
            assert [getattr(code, "value", code) for code in granted] == [0x80], f"it may hear {topic}"
        await device.subscribe(f"tasks/{THEIRS}/dispatch", qos=1)
        for name in (OURS, THEIRS):
            await service.publish(f"tasks.{name}.dispatch", f"for {name}".encode())
        async with asyncio.timeout(8):
            message = await anext(device.messages)
        assert (str(message.topic), message.payload) == (f"tasks/{THEIRS}/dispatch", f"for {THEIRS}".encode())
    await service.close()


async def test_no_credential_of_one_organisation_opens_anothers_device(two: Two) -> None:
    """An administrator may make a key of any name: that of another's device among them."""
    wanted = {"name": OURS, "role": "device"}
    forged = _made(two.stack.ask("POST", "/v1/keys", wanted, key=two.their_administrator))["key"]

    async def opens(device: str, key: str) -> bool:
        try:
            async with two.mqtt(device, key):
                return True
        except aiomqtt.MqttError:
            return False

    async def ours_opens() -> bool:
        return await opens(OURS, two.our_device)

    await until(ours_opens, "its own credential opens it")
    refused = '"service": "fabric"', OURS, '"outcome": "denied"'

    async def known() -> bool:
        """Fabric reads keys of elsewhere every few seconds; till then the key is merely unknown to it."""
        assert not await opens(OURS, forged)
        lines = (two.stack.logs / "fabric.log").read_text().splitlines()
        return any(all(word in line for word in refused) for line in lines)

    await until(known, "it is refused for what it is")
    said = observation(OURS, kind="measurement", quantity="x", value=1.0, unit="1")
    status, _, body = two.stack.ask("POST", "/v1/observations", json.loads(said), key=forged)
    assert (status, json.loads(body)["rejected"][0]["code"]) == (422, "source_mismatch")
    broken = json.loads(said) | {"value": "much"}
    assert two.stack.ask("POST", "/v1/observations", broken, key=forged)[0] == 422
    assert two.stack.ask("GET", f"/v1/sources/{OURS}")[0] == 404, "nothing of theirs is charged to our device"
    port = int(two.stack.endpoints["nats"].rpartition(":")[2])
    with pytest.raises(ConnectionError, match="Authorization Violation"):  # devices come by MQTT only
        await jetstream_info(port, THEIRS, two.their_device)


def test_a_word_to_the_other_organisation_is_noticed(two: Two) -> None:
    leaking = Viewer(two.stack, "", {"WebSocket": ['{"key":"theirs-x11-drone"}'], "SSE": ["{}"]})
    assert told(leaking, {OTHERS}, {"/v1/sources": '{"id":"theirs-x11-drone"}', "/v1/zones": "{}"}) == {
        "WebSocket": {OTHERS},
        "/v1/sources": {OTHERS},
    }
