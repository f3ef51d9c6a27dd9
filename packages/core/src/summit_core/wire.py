"""Bytes to model and back. Bad input dies here, with an error that names the field and the fix.

Pure functions without I/O. The wire is JSON (RFC 8259) from outside; validated batches travel as MessagePack.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from summit_core.errors import ErrorCode, InputError, MalformedError, TooLargeError
from summit_core.ids import derived_id
from summit_core.model import OBSERVATION_KINDS, AnyObservation
from summit_core.model import observation as kinds

MAX_MESSAGE_BYTES = 256 * 1024
MAX_CLOCK_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_any_observation = msgspec.json.Decoder(AnyObservation)
_by_kind: dict[str, msgspec.json.Decoder[AnyObservation]] = {
    "position": msgspec.json.Decoder(kinds.Position),
    "bearing": msgspec.json.Decoder(kinds.Bearing),
    "hotspot": msgspec.json.Decoder(kinds.Hotspot),
    "detection": msgspec.json.Decoder(kinds.Detection),
    "measurement": msgspec.json.Decoder(kinds.Measurement),
    "report": msgspec.json.Decoder(kinds.Report),
    "telemetry": msgspec.json.Decoder(kinds.Telemetry),
}
_batch_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(list[AnyObservation])
_path = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_not_finite = re.compile(rb'"(?P<field>\w+)"\s*:\s*\[*\s*-?(?:NaN|Infinity|nan|inf)\b')


def encode(value: object) -> bytes:
    """Any model object as JSON bytes."""
    return _encoder.encode(value)


def decode(data: bytes, type_: type[T]) -> T:
    """JSON bytes as ``type_``; raises :class:`InputError` that names the field."""
    _check_bytes(data)
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except msgspec.DecodeError as error:
        raise _malformed(data, error) from None
    except RecursionError:
        raise _too_deep() from None


def encode_batch(observations: Sequence[AnyObservation]) -> bytes:
    """Validated observations for the bus (MessagePack)."""
    return _batch_encoder.encode(observations)


def decode_batch(data: bytes) -> list[AnyObservation]:
    """The inverse of :func:`encode_batch`."""
    return _batch_decoder.decode(data)


def decode_observation(
    data: bytes, *, now: datetime, kind: str | None = None, source: str | None = None
) -> AnyObservation:
    """One observation as a producer sent it, checked and stamped.

    ``kind`` and ``source`` are what the topic says; the payload may leave its kind out but may not contradict either.
    An observation without an id gets one derived from its content, so that a resend is recognised.
    Raises :class:`InputError` (or its :class:`MalformedError`, :class:`TooLargeError`).
    """
    _check_bytes(data)
    if kind is not None and kind not in OBSERVATION_KINDS:
        raise _unknown_kind(kind)
    try:
        observation = (_by_kind[kind] if kind else _any_observation).decode(data)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except msgspec.DecodeError as error:
        raise _malformed(data, error) from None
    except RecursionError:
        raise _too_deep() from None
    if source is not None and observation.source != source:
        raise InputError(
            f"source is {observation.source!r} but the topic belongs to {source!r}; a device writes only as itself",
            code=ErrorCode.SOURCE_MISMATCH,
            field="source",
        )
    return admit(observation, data, now=now)


def admit(observation: AnyObservation, content: bytes, *, now: datetime) -> AnyObservation:
    """Check what types cannot say (finite, time window, covariance) and stamp id and ``received_at``."""
    _check_finite(observation)
    _check_time(observation, now)
    _check_covariance(observation)
    observed_at = observation.observed_at.astimezone(UTC)
    return replace(
        observation,
        id=observation.id or derived_id(observed_at, observation.source, content),
        observed_at=observed_at,
        received_at=now,
    )


def _check_bytes(data: bytes) -> None:
    if len(data) > MAX_MESSAGE_BYTES:
        raise TooLargeError(
            f"{len(data)} bytes; a message may have at most {MAX_MESSAGE_BYTES}. Split it or send less."
        )
    if not data.strip():
        raise MalformedError("empty message; send one JSON object", code=ErrorCode.EMPTY)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"not UTF-8 at byte {error.start}; encode the message as UTF-8", code=ErrorCode.INVALID_UTF8
        ) from None


def _invalid(error: msgspec.ValidationError) -> InputError:
    match = _path.match(str(error))
    what, path = (match["what"], match["path"]) if match else (str(error), None)
    missing = re.search(r"missing required field `(\w+)`", what)
    field = ".".join(part for part in (path, missing[1] if missing else None) if part) or None
    if field == "kind" and what.startswith("Invalid value"):
        return _unknown_kind(what.removeprefix("Invalid value ").strip("'\""))
    return InputError(f"{field or 'message'}: {what}", field=field)


def _unknown_kind(kind: str) -> InputError:
    known = ", ".join(OBSERVATION_KINDS)
    return InputError(f"kind: unknown kind {kind!r}; use one of {known}", code=ErrorCode.UNKNOWN_KIND, field="kind")


def _malformed(data: bytes, error: msgspec.DecodeError) -> InputError:
    match = _not_finite.search(data)
    if match:
        field = match["field"].decode()
        return InputError(
            f"{field}: NaN and Infinity are not numbers on the wire; send a finite number or leave the field out",
            code=ErrorCode.NOT_FINITE,
            field=field,
        )
    return MalformedError(f"not JSON: {str(error).removeprefix('JSON is malformed: ')}")


def _too_deep() -> MalformedError:
    return MalformedError("nested too deeply; send a flat object")


def _floats(value: Any) -> Iterable[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _floats(item)


def _check_finite(observation: AnyObservation) -> None:
    for name in observation.__struct_fields__:
        if not all(map(math.isfinite, _floats(getattr(observation, name)))):
            raise InputError(f"{name}: not a finite number; send one", code=ErrorCode.NOT_FINITE, field=name)


def _check_time(observation: AnyObservation, now: datetime) -> None:
    at = observation.observed_at
    if at > now + MAX_CLOCK_AHEAD:
        ahead = (at - now).total_seconds()
        fix = f"{ahead:.0f} s ahead of our clock, at most {MAX_CLOCK_AHEAD.seconds} s are allowed; set the clock"
    elif at < EARLIEST:
        fix = "before 1990; is the clock set?"
    else:
        return
    raise InputError(f"observed_at: {fix}", code=ErrorCode.OUT_OF_TIME_WINDOW, field="observed_at")


def _check_covariance(observation: AnyObservation) -> None:
    cov = getattr(observation, "cov_m2", None)
    if cov is None:
        return
    (ee, en), (ne, nn) = cov
    if abs(en - ne) > 1e-6 * max(abs(ee), abs(nn), 1.0) or ee <= 0 or nn <= 0 or ee * nn - en * ne <= 0:
        raise InputError(
            "cov_m2: not a covariance; send ((ee, en), (en, nn)), symmetric and positive definite", field="cov_m2"
        )
