"""MQTT 3.1.1 packets as bytes: for load by plain sockets, and for what no client library would send."""

import struct
from typing import Final

CONNECT: Final = 0x10
PUBLISH_QOS1: Final = 0x32
PUBACK_BYTES: Final = 4
DUPLICATE: Final = 0x08
_CLEAN_WITH_CREDENTIALS: Final = 0xC2


def connect(client: str, username: str, password: str) -> bytes:
    """A clean session without keep-alive (section 3.1)."""
    head = _text(b"MQTT") + bytes([4, _CLEAN_WITH_CREDENTIALS, 0, 0])
    return _packet(CONNECT, head + b"".join(_text(word.encode()) for word in (client, username, password)))


def publish(topic: bytes, payload: bytes, packet_id: int, flags: int = 0) -> bytes:
    """With QoS 1 (section 3.3)."""
    return _packet(PUBLISH_QOS1 | flags, _text(topic) + struct.pack("!H", packet_id) + payload)


def _text(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _packet(kind: int, body: bytes) -> bytes:
    """With the remaining length in MQTT's variable encoding (section 2.2.3)."""
    length, size = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        size.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([kind]) + bytes(size) + body
