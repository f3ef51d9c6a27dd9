"""Judges what producers sent: observations that hold, and a dead letter for each that does not. Pure, never raises."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr
from summit_core import wire
from summit_core.bus import Delivery
from summit_core.bus.streams import INGEST, LINKS
from summit_core.errors import ErrorCode, InputError, MalformedError
from summit_core.ids import are_uuids, derived_id
from summit_core.model import AnyObservation, DeadLetter, Position

Door = Literal["mqtt", "nats", "http"]
PAYLOAD_KEPT: Final = 4096
BY_MQTT: Final = b"NATS/1.0\r\nNmqtt-Pub:"
_source = re.compile(rb'"source"\s*:\s*"(?P<source>[A-Za-z0-9_:\-]{1,64})"')
_key = re.compile(r"[A-Za-z0-9_:\-]{1,64}")


class LinkStatus(Struct, frozen=True):
    """What a device, or its last will, says on ``devices/<id>/status``."""

    status: Literal["online", "offline"]


class Input(Struct, frozen=True):
    """One stored message of the ingest stream; ``at`` is when the stream took it. ``batch``: it is a MessagePack list
    of observations that the gateway has judged."""

    subject: str
    data: bytes
    seq: int
    at: datetime
    door: Door
    batch: bool = False


class Route(Struct, frozen=True):
    """What a subject says: whose it is, and what is published there (None: a device's status). ``read`` is what reads
    that, and ``named`` whether a device may have that name."""

    device: str | None
    kind: str | None
    read: wire.Reader | None
    named: bool


@dataclass(slots=True)
class Verdict:
    accepted: list[AnyObservation] = field(default_factory=list)
    refused: list[DeadLetter] = field(default_factory=list)


def door_of(headers: dict[str, str]) -> Door:
    """By which door a message came: the broker marks MQTT publishers, the gateway marks its own."""
    if headers.get("Summit-Door") == "http":
        return "http"
    return "mqtt" if "Nmqtt-Pub" in headers else "nats"


@lru_cache(maxsize=4096)
def route_of(subject: str) -> Route:
    first, *rest = subject.split(".")
    device, kind = None, None if subject.endswith(".status") else subject.partition(".")[2]
    if first == "devices" and len(rest) > 1:
        device, kind = rest[0], None if rest[-1] == "status" else "telemetry"
    elif first == "observations" and len(rest) == 2:
        kind, device = rest
    read = None if kind is None else wire.reader_of(kind)
    return Route(device, kind, read, device is not None and _key.fullmatch(device) is not None)


def judge(message: Input) -> Verdict:
    """Judge one message; an array is as many observations, each judged by itself."""
    verdict = Verdict()
    judge_into(message, verdict)
    return verdict


def judge_all(deliveries: Sequence[Delivery]) -> tuple[list[AnyObservation], int] | None:
    """What nearly all that comes is: observations of the default organisation that hold, one a message; and how many of
    them came by MQTT. None when one of them needs a closer look.

    In one loop that calls next to nothing, as this is done for every observation; what is not as most are is left to
    :func:`wire.decode_observation`, which checks the same.
    """
    observations, identifiers, by_mqtt = [], [], 0
    try:
        for delivery in deliveries:
            route, data, now = route_of(delivery.subject), delivery.data, delivery.moment
            if delivery.header:
                if not delivery.header.startswith(BY_MQTT):
                    return None
                by_mqtt += 1
            if route.read is None or len(data) > wire.MAX_MESSAGE_BYTES:
                return None
            one = route.read(data)
            at = one.observed_at
            usual = one.source == route.device and route.named and data.isascii()
            usual = usual and (type(one) is not Position or one.cov_m2 is None)
            usual = usual and at.tzinfo is UTC and at >= wire.EARLIEST
            if usual and (at <= now or at <= now + wire.MAX_CLOCK_AHEAD):
                if one.id is None:
                    force_setattr(one, "id", derived_id(at, data))
                else:
                    identifiers.append(one.id)
                force_setattr(one, "received_at", now)
            else:
                one = wire.decode_observation(data, now=now, kind=route.kind, source=route.device)
            if one.organisation is not None:
                return None
            observations.append(one)
    except (InputError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return (observations, by_mqtt) if are_uuids(identifiers) else None


def judge_into(message: Input, verdict: Verdict) -> None:
    """Add what one message comes to."""
    route = route_of(message.subject)
    if message.batch:
        _judge_batch(message, verdict)
    elif route.kind is None:
        _judge_status(message, verdict)
    elif message.subject.startswith("observations.") and message.data[:64].lstrip().startswith(b"["):
        _judge_parts(message, verdict)
    else:
        _judge_one(message, 0, message.data, verdict)


def _judge_one(message: Input, index: int, content: bytes, verdict: Verdict, media: wire.Media = "json") -> None:
    route = route_of(message.subject)
    kind = None if message.batch else route.kind
    try:
        observation = wire.decode_observation(content, now=message.at, kind=kind, source=route.device, media=media)
    except InputError as error:
        verdict.refused.append(letter_of(message, index, content, error))
    else:
        verdict.accepted.append(observation)


def _judge_parts(message: Input, verdict: Verdict, media: wire.Media = "json") -> None:
    try:
        if media == "json":
            wire.check_size(message.data)
        parts = wire.split(message.data, media)
        if not parts:
            raise MalformedError("empty array; send at least one observation", code=ErrorCode.EMPTY)
    except InputError as error:
        verdict.refused.append(letter_of(message, 0, message.data, error))
        return
    for index, part in enumerate(parts):
        _judge_one(message, index, part, verdict, media)


def _judge_batch(message: Input, verdict: Verdict) -> None:
    try:
        verdict.accepted += wire.decode_observations(message.data, now=message.at)
    except (InputError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _judge_parts(message, verdict, "msgpack")  # which of them is it?


def _judge_status(message: Input, verdict: Verdict) -> None:
    """The letter is written while the error is handled. Returned, it would hold its callers, and they it: the whole
    batch would stay until the garbage collector comes by."""
    try:
        wire.decode(message.data, LinkStatus)
    except InputError as error:
        verdict.refused.append(letter_of(message, 0, message.data, error))


def letter_of(message: Input, index: int, content: bytes, error: InputError) -> DeadLetter:
    """The same message gives the same id, so a redelivery is recognised. Bounded, whatever was sent."""
    return DeadLetter(
        id=derived_id(message.at, _stream_of(message), str(message.seq), str(index)),
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


def _stream_of(message: Input) -> str:
    return INGEST if route_of(message.subject).kind is not None else LINKS


def _source_of(message: Input, content: bytes) -> str | None:
    """Whom to charge: the device whose subject it is, else the source that the payload names."""
    device = route_of(message.subject).device
    if device is not None:
        return device if _key.fullmatch(device) else None
    match = _source.search(content[:PAYLOAD_KEPT])
    return match["source"].decode() if match else None
