"""Producers that keep their own books: what was due, what was sent, what was acknowledged. They never give up.

The offer is open loop: a message is due at its time whether or not the system is there, and what could not be sent is
sent later. So the books say at any time what an unharmed system would hold.
"""

import asyncio
import io
import json
import struct
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
import mqtt
from summit_core.ids import new_id

TICK_S = 0.01
HTTP_EVERY_S = 0.1
HTTP_ITEMS = 1_000
HTTP_TIMEOUT_S = 10.0
WINDOW = 900
"""MQTT publishes that wait for their PUBACK at once, on one connection."""
CONNACK, PUBACK = 0x20, 0x40
TOPIC = b"observations/measurement"


class Message(NamedTuple):
    source: str
    id: str
    payload: bytes


class Producer(ABC):
    """Several sources, each with its own ``seq`` from 0; ``rate`` is of all of them together, a second."""

    def __init__(self, sources: list[str], rate: float, seconds: float) -> None:
        self.sources = sources
        self.total = int(rate * seconds)
        self.acknowledged: dict[str, list[str]] = defaultdict(list)
        self.resent = 0
        self._rate = rate
        self._made = 0
        self._started = time.monotonic()

    def offered(self, at: float) -> int:
        """Messages due at this time (monotonic clock)."""
        return max(0, min(self.total, int((at - self._started) * self._rate)))

    @property
    def done(self) -> bool:
        return sum(map(len, self.acknowledged.values())) == self.total

    @abstractmethod
    async def run(self) -> None:
        """Send until everything is acknowledged."""

    def begin(self) -> None:
        self._started = time.monotonic()

    def due(self, most: int) -> list[Message]:
        """The next messages whose time has come."""
        count = min(most, self.offered(time.monotonic()) - self._made)
        return [self._make() for _ in range(count)]

    def acknowledge(self, message: Message) -> None:
        self.acknowledged[message.source].append(message.id)

    def _make(self) -> Message:
        number, self._made = self._made, self._made + 1
        source, identifier = self.sources[number % len(self.sources)], new_id()
        value = {
            "id": identifier,
            "kind": "measurement",
            "source": source,
            "seq": number // len(self.sources),
            "observed_at": datetime.now(UTC).isoformat(),
            "quantity": "temperature",
            "value": 20.0 + number % 10,
            "unit": "Cel",
        }
        return Message(source, identifier, json.dumps(value).encode())


class MqttProducer(Producer):
    """One MQTT 3.1.1 connection, QoS 1, pipelined; what is not acknowledged is sent again after a reconnect."""

    def __init__(self, broker: Callable[[], dict[str, Any]], sources: list[str], rate: float, seconds: float) -> None:
        super().__init__(sources, rate, seconds)
        self._broker = broker
        self._unacknowledged: dict[int, Message] = {}
        self._packet_id = 0

    async def run(self) -> None:
        while not self.done:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(5):
                    reader, writer = await self._connect()
                await self._converse(reader, writer)
            await asyncio.sleep(0.1)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        broker = self._broker()  # after a restart of everything its port may be another
        reader, writer = await asyncio.open_connection(broker["host"], broker["port"])
        writer.write(mqtt.connect(self.sources[0], broker["username"], broker["password"]))
        answer = await reader.readexactly(4)
        assert answer[0] == CONNACK and answer[3] == 0, f"the broker refused us: {answer.hex()}"
        return reader, writer

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiving = asyncio.create_task(self._receive(reader))
        try:
            for packet_id, message in self._unacknowledged.items():
                self.resent += 1
                writer.write(mqtt.publish(TOPIC, message.payload, packet_id, mqtt.DUPLICATE))
            while not receiving.done() and not self.done:
                for message in self.due(WINDOW - len(self._unacknowledged)):
                    self._packet_id = self._packet_id % 65_535 + 1
                    self._unacknowledged[self._packet_id] = message
                    writer.write(mqtt.publish(TOPIC, message.payload, self._packet_id))
                await writer.drain()
                await asyncio.sleep(TICK_S)
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            kind, _, packet_id = struct.unpack("!BBH", await reader.readexactly(4))
            assert kind == PUBACK, f"unexpected packet {kind:#x}"
            self.acknowledge(self._unacknowledged.pop(packet_id))


class HttpProducer(Producer):
    """Batches, one after another; each is repeated with the same ids until it is accepted."""

    def __init__(self, base: Callable[[], str], key: str, sources: list[str], rate: float, seconds: float) -> None:
        super().__init__(sources, rate, seconds)
        self._base = base
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
            while not self.done:
                batch = self.due(HTTP_ITEMS)
                while batch and not await self._send(session, batch):
                    self.resent += len(batch)
                    await asyncio.sleep(0.2)
                for message in batch:
                    self.acknowledge(message)
                await asyncio.sleep(HTTP_EVERY_S)

    async def _send(self, session: aiohttp.ClientSession, batch: list[Message]) -> bool:
        body = io.BytesIO(b"\n".join(message.payload for message in batch))
        try:
            async with session.post(f"{self._base()}/v1/observations", data=body) as response:
                if response.status >= 500 or response.status == 429:
                    return False
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            return False
        assert response.status == 202 and answer["ids"] == [message.id for message in batch], answer
        return True
