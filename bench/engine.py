"""The raw engine: NATS JetStream over a plain socket, as fast as one connection goes. Nothing of ours is in between."""

import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

CHUNK = 256
WINDOW = 8192
"""Messages that wait for their acknowledgement at once."""
ACK, REFUSED, FAULT = b'{"stream"', b'{"error"', b"-ERR"
INBOX = "_INBOX.bench"


class RefusedError(RuntimeError):
    """The broker did not store a message."""


class Engine:
    """One connection. Acknowledgements are counted here, not taken from the server's books."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        login = {"user": parts.username, "pass": parts.password, "verbose": False, "headers": True}
        self.socket.sendall(f"CONNECT {json.dumps(login)}\r\nSUB {INBOX} 1\r\nPING\r\n".encode())
        answer = b""
        while b"PONG\r\n" not in answer:
            answer += self._receive()
            if FAULT in answer:
                raise RefusedError(answer.decode())

    def request(self, subject: str, body: object = None) -> dict[str, object]:
        """One call of the JetStream API."""
        data = b"" if body is None else json.dumps(body).encode()
        self.socket.sendall(frame(subject, data))
        answer = b""
        while True:
            answer += self._receive()
            with suppress(ValueError, IndexError):
                _, _, rest = answer.partition(b"MSG ")
                found = json.loads(rest.partition(b"\r\n")[2])
                if "error" in found:
                    raise RefusedError(str(found["error"]))
                return dict(found)

    def publish(self, frames: Sequence[bytes]) -> int:
        """Send everything, at most ``WINDOW`` ahead of the acknowledgements; returns how many were acknowledged."""
        sent, acknowledged, tail = 0, 0, b""
        while acknowledged < len(frames):
            while sent < len(frames) and sent + CHUNK - acknowledged <= WINDOW:
                self.socket.sendall(b"".join(frames[sent : sent + CHUNK]))
                sent = min(sent + CHUNK, len(frames))
            data = tail + self._receive()
            if REFUSED in data or FAULT in data:
                raise RefusedError(data[-500:].decode())
            if b"\r\nPING\r\n" in data or data.startswith(b"PING\r\n"):
                self.socket.sendall(b"PONG\r\n")
            acknowledged += data.count(ACK)
            tail = data[1 - len(ACK) :] if not data.endswith(ACK) else b""
        return acknowledged

    def close(self) -> None:
        self.socket.close()

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 18)
        if not data:
            raise RefusedError("the broker closed the connection")
        return data


def frame(subject: str, data: bytes) -> bytes:
    """A publish that asks for an acknowledgement."""
    return b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), INBOX.encode(), len(data), data)
