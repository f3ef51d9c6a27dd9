"""The NATS client protocol (docs.nats.io, "NATS client protocol"): frames as bytes, bytes as frames. No I/O here."""

import re
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Final

import msgspec

from summit_core.bus.message import VERSION, Message
from summit_core.errors import InputError

CRLF: Final = b"\r\n"
PING: Final = b"PING\r\n"
PONG: Final = b"PONG\r\n"
LONGEST_LINE: Final = 1024 * 1024
"""Bytes. An INFO of a large cluster names every server of it."""
LARGEST_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes, headers included: the most that a server can be configured to send (``max_payload``)."""
_NO_REPLY: Final = {0: ""}
"""By how many words a line is longer than one without a reply subject."""
_SUBJECT: Final = re.compile(r"\S+")


class ProtocolError(ConnectionError):
    """The other side does not speak the protocol. The connection is of no further use."""


class Control(msgspec.Struct, gc=False):
    """INFO, PING, PONG, +OK or -ERR with what follows it."""

    verb: str
    text: str


class Parser:
    """Cuts a stream of bytes into frames, wherever the pieces were cut."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
        self._need = 1

    def feed(self, data: bytes) -> list[Message | Control]:
        """The frames that are complete with this piece; raises :class:`ProtocolError` for what is none."""
        self._have += len(data)
        if self._pieces:
            self._pieces.append(data)
            if self._have < self._need:  # joined once, when a large message is complete
                return []
            data = b"".join(self._pieces)
        frames: list[Message | Control] = []
        position = self._parse(data, frames)
        self._pieces = [data[position:]] if position < len(data) else []
        self._have = len(data) - position
        self._need -= position
        return frames

    def _parse(self, data: bytes, frames: list[Message | Control]) -> int:
        """Appends the complete frames; returns where the first incomplete one begins."""
        position, end, find = 0, len(data), data.find
        while position < end:
            eol = find(CRLF, position)
            if eol < 0:
                if end - position > LONGEST_LINE:
                    raise ProtocolError(f"a line of more than {LONGEST_LINE} bytes")
                self._need = end + 1
                return position
            line = data[position:eol].decode("utf-8", "replace")
            words = line.split(" ")
            start = eol + 2
            try:
                if words[0] == "MSG":  # MSG subject sid [reply] bytes
                    head, sid, size = 0, int(words[2]), int(words[-1])
                    reply = words[3] if len(words) == 5 else _NO_REPLY[len(words) - 4]
                elif words[0] == "HMSG":  # HMSG subject sid [reply] bytes-of-headers bytes
                    head, sid, size = int(words[-2]), int(words[2]), int(words[-1])
                    reply = words[3] if len(words) == 6 else _NO_REPLY[len(words) - 5]
                else:
                    frames.append(_control(line))
                    position = start
                    continue
            except (ValueError, LookupError):
                raise ProtocolError(f"cannot be read: {line[:200]!r}") from None
            stop = start + size
            if not 0 <= head <= size <= LARGEST_MESSAGE:
                raise ProtocolError(f"its sizes are wrong: {line[:200]!r}")
            if stop + 2 > end:
                self._need = stop + 2
                return position
            if data[stop : stop + 2] != CRLF:
                raise ProtocolError(f"its size is wrong: {line[:200]!r}")
            header = data[start : start + head] if head else b""
            frames.append(Message(words[1], data[start + head : stop], reply, header, sid))
            position = stop + 2
        return position


def _control(line: str) -> Control:
    verb, _, text = line.partition(" ")
    if verb not in {"PING", "PONG", "+OK", "-ERR", "INFO"}:
        raise ProtocolError(f"not a NATS server: {line[:200]!r}")
    return Control(verb, text.strip().strip("'"))


def check_subject(subject: str) -> None:
    """Raises :class:`InputError` unless it is one word: white space would begin another word or line."""
    if _SUBJECT.fullmatch(subject) is None:
        raise InputError(f"not a subject: {subject!r}", field="subject")


def inbox() -> str:
    """A subject of one's own. Short: the server spends a microsecond more on a long one of each message."""
    return f"_INBOX.{token_urlsafe(9)}"


def header_block(headers: Mapping[str, str] | None = None, msg_id: str | None = None) -> bytes:
    """Raises :class:`InputError` for a name or value that would begin another line."""
    lines = [f"{name}: {value}" for name, value in headers.items()] if headers else []
    if msg_id:
        lines.append(f"Nats-Msg-Id: {msg_id}")
    block = "\r\n".join((VERSION, *lines, "\r\n"))
    if block.count("\n") != len(lines) + 2:
        raise InputError("a header may not contain a line break", field="headers")
    return block.encode()


def publication(subject: str, data: bytes, reply: str = "") -> bytes:
    return f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + CRLF


def subscription(sid: int, subject: str) -> bytes:
    return f"SUB {subject} {sid}\r\n".encode()


def cancellation(sid: int) -> bytes:
    return f"UNSUB {sid}\r\n".encode()
