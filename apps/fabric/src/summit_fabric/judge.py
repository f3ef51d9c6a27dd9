"""Judges what producers sent: observations that hold, and a dead letter for each that does not. Pure, never raises."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct
from summit_core import wire
from summit_core.errors import ErrorCode, InputError, MalformedError
from summit_core.ids import derived_id
from summit_core.model import AnyObservation, DeadLetter

Door = Literal["mqtt", "nats", "http"]
PAYLOAD_KEPT: Final = 4096
_source = re.compile(rb'"source"\s*:\s*"(?P<source>[A-Za-z0-9_:\-]{1,64})"')
_key = re.compile(r"[A-Za-z0-9_:\-]{1,64}")


class LinkStatus(Struct, frozen=True):
    """What a device, or its last will, says on ``devices/<id>/status``."""

    status: Literal["online", "offline"]


@dataclass(frozen=True, slots=True)
class Input:
    """One stored message of the ingest stream; ``at`` is when the stream took it."""

    subject: str
    data: bytes
    seq: int
    at: datetime
    door: Door

    @property
    def device(self) -> str | None:
        """The device that the subject belongs to."""
        parts = self.subject.split(".")
        return parts[1] if parts[0] == "devices" and len(parts) > 2 else None


@dataclass(slots=True)
class Verdict:
    accepted: list[AnyObservation] = field(default_factory=list)
    refused: list[DeadLetter] = field(default_factory=list)


def door_of(headers: dict[str, str]) -> Door:
    """By which door a message came: the broker marks MQTT publishers, the gateway marks its own."""
    if headers.get("Summit-Door") == "http":
        return "http"
    return "mqtt" if "Nmqtt-Pub" in headers else "nats"


def judge(message: Input) -> Verdict:
    """Judge one message; an array is as many observations, each judged by itself."""
    verdict = Verdict()
    for index, (content, found) in enumerate(_read(message)):
        if isinstance(found, InputError):
            verdict.refused.append(_letter(message, index, content, found))
        elif found is not None:
            verdict.accepted.append(found)
    return verdict


def _read(message: Input) -> Iterator[tuple[bytes, AnyObservation | InputError | None]]:
    if message.subject.endswith(".status"):
        yield message.data, _status(message.data)
        return
    try:
        parts = _parts(message)
    except InputError as error:
        yield message.data, error
        return
    for part in parts:
        yield part, _observation(message, part)


def _parts(message: Input) -> list[bytes]:
    if message.device is not None or not message.data[:64].lstrip().startswith(b"["):
        return [message.data]
    try:
        parts = [bytes(part) for part in wire.decode(message.data, list[msgspec.Raw])]
    except RecursionError:
        raise _too_deep() from None
    if not parts:
        raise MalformedError("empty array; send at least one observation", code=ErrorCode.EMPTY)
    return parts


def _observation(message: Input, content: bytes) -> AnyObservation | InputError:
    kind = "telemetry" if message.device is not None else message.subject.partition(".")[2]
    try:
        return wire.decode_observation(content, now=message.at, kind=kind, source=message.device)
    except InputError as error:
        return error
    except RecursionError:
        return _too_deep()


def _status(data: bytes) -> InputError | None:
    try:
        wire.decode(data, LinkStatus)
    except InputError as error:
        return error
    except RecursionError:
        return _too_deep()
    return None


def _too_deep() -> InputError:
    return MalformedError("nested too deeply; send flat objects")


def _letter(message: Input, index: int, content: bytes, error: InputError) -> DeadLetter:
    """The same message gives the same id, so a redelivery is recognised. Bounded, whatever was sent."""
    return DeadLetter(
        id=derived_id(message.at, "INGEST", str(message.seq), str(index)),
        at=message.at,
        door=message.door,
        subject=message.subject[:200],
        code=error.code,
        message=error.detail[:4000],
        field=error.field[:200] if error.field else None,
        source=_source_of(message, content),
        size=len(content),
        payload=content[:PAYLOAD_KEPT],
    )


def _source_of(message: Input, content: bytes) -> str | None:
    """Whom to charge: the device whose subject it is, else the source that the payload names."""
    if message.device is not None:
        return message.device if _key.fullmatch(message.device) else None
    match = _source.search(content[:PAYLOAD_KEPT])
    return match["source"].decode() if match else None
