"""The three doors, and what each says to an input: kept, so it must be in the books, or turned away at the door."""

import asyncio
import io
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import mqtt
import msgspec
from hostile import Hostile
from summit_core import wire
from summit_core.errors import InputError
from summit_fabric.judge import LinkStatus

MAX_BYTES = 256 * 1024
ANSWER_S = 20.0
PERMITTED = re.compile(r"observations\.[^.]+(\.[^.]+)?|devices\.[^.]+\.(telemetry|status)|tasks\.[^.]+\.status")
"""Where a device may publish; the streams take exactly these."""


class At(Enum):
    KEPT = "kept"
    DENIED = "denied"
    """Outside the permission: the broker says yes and drops it, as MQTT 3.1.1 lets it (section 3.3.5)."""
    REFUSED = "refused"
    """The broker or the gateway said no."""


class Outcome(NamedTuple):
    """How many observations the books must show for it: between ``least`` and ``most``."""

    at: At
    least: int = 0
    most: int = 0


def subject_of(topic: str) -> str:
    """NATS's name of an MQTT topic: levels are tokens, an empty level is a slash, a dot is two."""
    levels = topic.split("/")
    return ".".join(level.replace(".", "//") or "/" for level in levels)


def kept(subject: str, payload: bytes) -> Outcome:
    """What the books must show for a message that a stream holds."""
    if subject.startswith("observations."):
        return Outcome(At.KEPT, *array_length(payload))
    if subject.startswith("devices.") and subject.endswith(".status") and _is_status(payload):
        return Outcome(At.KEPT)  # no observation
    return Outcome(At.KEPT, 1, 1)


def array_length(payload: bytes) -> tuple[int, int]:
    """At least and at most so many items has an array; everything else is one input. An array that is JSON but for a
    NaN, or for what is in its texts, may be judged item by item or refused as a whole."""
    if len(payload) > MAX_BYTES or not payload.lstrip().startswith(b"["):
        return 1, 1
    for decode in (lambda data: msgspec.json.decode(data, type=list[msgspec.Raw]), json.loads):
        with suppress(ValueError, RecursionError):
            items = len(decode(payload)) or 1
            return (items if decode is not json.loads and _is_text(payload) else 1), items
    return 1, 1


def _is_status(payload: bytes) -> bool:
    try:
        wire.decode(payload, LinkStatus)
    except InputError:
        return False
    return True


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class MqttDoor:
    """QoS 1. What the broker might hang up on goes alone, so that it is known what it hung up on."""

    def __init__(self, broker: dict[str, Any]) -> None:
        self._broker = broker
        self._numbers = count()
        """A client that has another's name takes its place."""

    async def send(self, batch: Sequence[Hostile]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        reader, writer = await self._connect()
        for one in batch:
            if not await self._publish(reader, writer, one):
                outcomes.append(Outcome(At.REFUSED))
                writer.close()
                reader, writer = await self._connect()
            elif PERMITTED.fullmatch(subject_of(one.topic)):
                outcomes.append(kept(subject_of(one.topic), one.payload))
            else:
                outcomes.append(Outcome(At.DENIED))
        writer.close()
        return outcomes

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._broker["host"], self._broker["port"])
        client = f"fuzz-{next(self._numbers)}"
        writer.write(mqtt.connect(client, self._broker["username"], self._broker["password"]))
        answer = await reader.readexactly(4)
        assert answer[3] == 0, f"the broker refused us: {answer.hex()}"
        return reader, writer

    async def _publish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one: Hostile) -> bool:
        writer.write(mqtt.publish(one.topic.encode("utf-8", "surrogatepass"), one.payload, 1))
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_S):
                return (await reader.readexactly(4))[0] == 0x40
        return False


class NatsDoor:
    """JetStream publishes with an acknowledgement, one after the other on one connection."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    async def send(self, batch: Sequence[Hostile]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        reader, writer = await self._connect()
        for one in batch:
            subject = subject_of(one.topic)
            answer = await self._publish(reader, writer, subject, one.payload)
            if answer is None:
                writer.close()
                reader, writer = await self._connect()
            outcomes.append(kept(subject, one.payload) if answer else Outcome(At.REFUSED))
        writer.close()
        return outcomes

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        login = {"user": self._url.username, "pass": self._url.password, "verbose": False, "headers": True}
        writer.write(f"CONNECT {json.dumps(login | {'no_responders': True})}\r\nSUB _INBOX.f 1\r\n".encode())
        return reader, writer

    async def _publish(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subject: str, payload: bytes
    ) -> bool | None:
        """Whether a stream holds it; None when the broker hung up. An ``-ERR`` says neither: it comes for a subject
        with a wildcard, and the stream holds the message all the same."""
        name = subject.encode("utf-8", "surrogatepass")
        writer.write(b"PUB %s _INBOX.f %d\r\n%s\r\nPING\r\n" % (name, len(payload), payload))
        stored, pong = None, False
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_S):
                while stored is None or not pong:
                    line = await reader.readuntil(b"\r\n")
                    if line.startswith((b"MSG ", b"HMSG ")):
                        stored = (await reader.readexactly(int(line.split()[-1]) + 2)).startswith(b'{"stream"')
                    elif line == b"PING\r\n":
                        writer.write(b"PONG\r\n")
                    pong = pong or line == b"PONG\r\n"
                return stored
        return None


class HttpDoor:
    """``POST /v1/observations``; the answer says what became of each item. The broker swallows a resend of the same
    bytes within two minutes, and nobody counts it: so an observation that was accepted before need not be counted."""

    def __init__(self, base: str, key: str) -> None:
        self._url = f"{base}/v1/observations"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._accepted: set[str] = set()

    async def send(self, batch: Sequence[Hostile]) -> list[Outcome]:
        async with aiohttp.ClientSession(headers=self._headers) as session:
            return [await self._post(session, one) for one in batch]

    async def _post(self, session: aiohttp.ClientSession, one: Hostile) -> Outcome:
        headers = {"Content-Type": one.media} if one.media else {"Content-Type": "application/octet-stream"}
        async with session.post(self._url, data=io.BytesIO(one.payload), headers=headers) as response:
            answer = await response.json(content_type=None)
        assert response.status in {202, 400, 413, 415, 422}, f"{response.status} {answer} for {one!r}"
        if "accepted" not in answer:
            assert answer["code"] and answer["detail"], f"refused without a reason: {answer} for {one!r}"
            return Outcome(At.KEPT, 1, 1)
        bad, new = len(answer["rejected"]), set(answer["ids"]) - self._accepted
        self._accepted |= new
        return Outcome(At.KEPT, bad + len(new), bad + answer["accepted"])
