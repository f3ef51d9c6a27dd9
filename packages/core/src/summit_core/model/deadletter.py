"""Dead letter: an input that was refused, why, and its original bytes (``summit.dead-letter/1``)."""

from typing import Literal

from msgspec import Struct

from summit_core.model.common import Key, Name, Organisation, Text, Timestamp, Uuid


class DeadLetter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``payload`` holds at most the first 4 KiB; ``size`` is the size of the whole."""

    id: Uuid
    at: Timestamp
    door: Literal["mqtt", "nats", "http"]
    subject: Name
    code: Name
    message: Text
    size: int
    payload: bytes
    schema: Literal["summit.dead-letter/1"] = "summit.dead-letter/1"
    field: Name | None = None
    source: Key | None = None
    organisation: Organisation = None


class OpenLetter(DeadLetter, frozen=True, kw_only=True, omit_defaults=True):
    """``complete``: all of the input was kept. ``text``: the payload, where it is UTF-8."""

    complete: bool
    text: str | None = None


class Replayed(Struct, frozen=True):
    """Where the bytes of a letter were published again, and their sequence in that stream."""

    id: str
    subject: str
    seq: int
