"""Devices that report about themselves, by plain sockets: a client library would be slower than what is measured."""

import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NamedTuple

import mqtt
from summit_core.ids import new_id

PIPELINED = 900
"""Publishes of one connection that wait for their PUBACK at once."""


class Message(NamedTuple):
    device: str
    id: str
    at: str
    """``observed_at``; different for every message of a device, so it names the message in a frame."""
    payload: bytes

    @property
    def topic(self) -> str:
        return f"devices/{self.device}/telemetry"

    @property
    def subject(self) -> str:
        return f"devices.{self.device}.telemetry"


class Fleet:
    """Makes the telemetry of ``size`` devices, one after the other: about 277 bytes each, moving, all different."""

    def __init__(self, size: int, name: str = "unit") -> None:
        self.devices = [f"{name}-{number:04d}" for number in range(size)]
        self._made = 0

    def next(self, seconds: float | None = None) -> Message:
        """The next device's message, observed now or at ``seconds`` (since 1970)."""
        number, self._made = self._made, self._made + 1
        index, seq = number % len(self.devices), number // len(self.devices)
        identifier, at = new_id(), instant(time.time() if seconds is None else seconds)
        lat = 39.5 + (index % 40) / 40 + seq % 5_000 * 1e-5
        lon = -121.9 + (index // 40) / 25 + seq % 5_000 * 1e-5
        payload = (
            f'{{"id":"{identifier}","source":"{self.devices[index]}","seq":{seq},"observed_at":"{at}",'
            f'"lat":{lat:.6f},"lon":{lon:.6f},"category":"drone","alt_m":{800 + seq % 400}.5,'
            f'"course_deg":{number % 360}.2,"speed_mps":{8 + seq % 9}.4,"battery":0.{10 + seq % 90},"cruise_mps":15.0}}'
        )
        return Message(self.devices[index], identifier, at, payload.encode())

    def burst(self, count: int) -> list[Message]:
        """Messages made ahead, a microsecond apart, so that making them is not measured."""
        start = time.time()
        return [self.next(start + number * 1e-6) for number in range(count)]


def instant(seconds: float) -> str:
    """RFC 3339 with microseconds: texts of equal length, ordered as the times are."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Link:
    """One MQTT 3.1.1 connection with QoS 1. Counts its PUBACKs; the broker sends nothing else."""

    def __init__(self, broker: dict[str, Any], client: str) -> None:
        self.socket = socket.create_connection((broker["host"], broker["port"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(mqtt.connect(client, broker["username"], broker["password"]))
        answer = self.socket.recv(4)
        if answer[:1] != b"\x20" or answer[3:] != b"\0":
            raise RuntimeError(f"the broker refused {client}: {answer.hex()}")
        self.sent = self.acknowledged = 0
        self._half = 0

    def send(self, messages: Sequence[Message]) -> None:
        packets = []
        for message in messages:
            self.sent += 1
            packets.append(mqtt.publish(message.topic.encode(), message.payload, (self.sent - 1) % 65_535 + 1))
        self.socket.sendall(b"".join(packets))

    def receive(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise RuntimeError("the broker closed the connection")
        packets, self._half = divmod(self._half + len(data), mqtt.PUBACK_BYTES)
        self.acknowledged += packets

    def close(self) -> None:
        self.socket.close()


def by_one_connection(broker: dict[str, Any], messages: Sequence[Message]) -> int:
    """Everything through one connection, pipelined; returns how many were acknowledged."""
    link = Link(broker, "bench-one")
    while link.acknowledged < len(messages):
        room = PIPELINED - (link.sent - link.acknowledged)
        if room >= PIPELINED // 4 and link.sent < len(messages):
            link.send(messages[link.sent : link.sent + room])
        link.receive()
    link.close()
    return link.acknowledged


def by_many_connections(links: Sequence[Link], messages: Sequence[Message]) -> int:
    """Each device waits for its PUBACK before it sends the next; returns how many were acknowledged."""
    waiting = [list(messages[index :: len(links)][::-1]) for index in range(len(links))]
    before = sum(link.acknowledged for link in links)
    with selectors.EpollSelector() as selector, ExitStack() as stack:
        for index, link in enumerate(links):
            selector.register(link.socket, selectors.EVENT_READ, index)
            stack.callback(selector.unregister, link.socket)
            if waiting[index]:
                link.send([waiting[index].pop()])
        while sum_of(links) - before < len(messages):
            for key, _ in selector.select():
                index = key.data
                links[index].receive()
                if waiting[index]:
                    links[index].send([waiting[index].pop()])
    return sum_of(links) - before


def sum_of(links: Sequence[Link]) -> int:
    return sum(link.acknowledged for link in links)
