"""A message as the server sends it, and what JetStream says of a stored one in its reply subject. Pure."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

VERSION: Final = "NATS/1.0"
_WORDS_WITH_DOMAIN: Final = 11
_NANOSECONDS: Final = 19
"""Digits of a time since 1970, from 2001 to 2286: where a domain is named, what stands there counts messages."""


class Message(msgspec.Struct, gc=False):
    """MSG or HMSG; ``header`` is the block as it came, empty for MSG, and ``sid`` the subscription that it came for.

    The properties are those of a stored message, and read only when they are asked for.
    """

    subject: str
    data: bytes
    reply: str = ""
    header: bytes = b""
    sid: int = 0
    _words: list[str] | None = None

    @property
    def seq(self) -> int:
        """Its sequence in the stream."""
        return int(self._where[1])

    @property
    def delivered(self) -> int:
        """Counts the messages that the broker sent to this consumer, from 1."""
        return int(self._where[2])

    @property
    def timestamp(self) -> datetime:
        """When the stream stored it: the same at every redelivery."""
        return datetime.fromtimestamp(int(self._where[3]) / 1e9, UTC)

    @property
    def moment(self) -> datetime:
        """``timestamp`` to the millisecond, for whoever reads that of every message: most share it with the last."""
        reply = self.reply
        start = reply.rfind(".") - _NANOSECONDS
        plain = start > 0 and reply[start - 1] == "."  # else a domain is named, and another word stands last
        return _millisecond(reply[start : start + 13] if plain else self._where[3][:-6])

    @property
    def pending(self) -> int:
        """How many more messages there were when it was sent."""
        return int(self._where[4])

    @property
    def headers(self) -> dict[str, str]:
        return read_header(self.header) if self.header else {}

    @property
    def _where(self) -> list[str]:
        """Of ``$JS.ACK[.domain.account].stream.consumer.DELIVERIES.SEQ.DELIVERED.TIME.PENDING[.random]``."""
        if self._words is None:
            words = self.reply.split(".")
            self._words = words[4:9] if len(words) < _WORDS_WITH_DOMAIN else words[6:11]
        return self._words


@lru_cache(maxsize=64)
def _millisecond(since_1970: str) -> datetime:
    return datetime.fromtimestamp(int(since_1970) / 1000, UTC)


def read_header(block: bytes) -> dict[str, str]:
    """The headers of a block; a status line becomes ``Status`` and ``Description``."""
    first, *lines = block.decode("utf-8", "replace").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    status, _, description = first.removeprefix(VERSION).strip().partition(" ")
    if status:
        headers["Status"], headers["Description"] = status, description.strip()
    return headers
