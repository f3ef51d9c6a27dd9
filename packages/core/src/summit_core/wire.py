"""Bytes to model and back. Bad input dies here, with an error that names the field and the fix.

Pure functions without I/O. The wire is JSON (RFC 8259) or MessagePack from outside; validated batches travel as
MessagePack.
"""

import copy
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec.structs import force_setattr

from summit_core.errors import ErrorCode, InputError, MalformedError, TooLargeError
from summit_core.ids import derived_id
from summit_core.model import OBSERVATION_KINDS, AnyObservation
from summit_core.model import observation as kinds
from summit_core.model.common import KEY_MEANS, KEY_PATTERN, UUID_PATTERN

MAX_MESSAGE_BYTES = 256 * 1024
MAX_CLOCK_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
Media = Literal["json", "msgpack"]

T = TypeVar("T")
Reader = Callable[[bytes], AnyObservation]
_Decoder = msgspec.json.Decoder[AnyObservation] | msgspec.msgpack.Decoder[AnyObservation]

_encoder = msgspec.json.Encoder()
_TYPES: Final[dict[str, type[AnyObservation]]] = {
    "position": kinds.Position,
    "bearing": kinds.Bearing,
    "hotspot": kinds.Hotspot,
    "detection": kinds.Detection,
    "measurement": kinds.Measurement,
    "report": kinds.Report,
    "telemetry": kinds.Telemetry,
}
_KINDS: Final = {type_: kind for kind, type_ in _TYPES.items()}
_decoders: dict[tuple[Media, str | None], _Decoder] = {
    ("json", None): msgspec.json.Decoder(AnyObservation),
    ("msgpack", None): msgspec.msgpack.Decoder(AnyObservation),
    **{("json", kind): msgspec.json.Decoder(type_) for kind, type_ in _TYPES.items()},
    **{("msgpack", kind): msgspec.msgpack.Decoder(type_) for kind, type_ in _TYPES.items()},
}
_batch_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(list[AnyObservation])
_key, _uuid = re.compile(KEY_PATTERN[:-1]), re.compile(UUID_PATTERN[:-1])
_path = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_split_json = msgspec.json.Decoder(list[msgspec.Raw]).decode
_split_msgpack = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_maybe_not_finite = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]").search
"""What NaN or an infinity looks like in MessagePack (and, by chance, part of a text)."""
_maybe_not_kept = re.compile(rb'\\u0000|"(?:0001-01-01|9999-12-31)[Tt ]').search
_not_finite = re.compile(rb'"(?P<field>\w+)"\s*:\s*\[*\s*-?(?:NaN|Infinity|nan|inf)\b')


def kind_of(observation: AnyObservation) -> str:
    """The tag that says which of the seven kinds it is."""
    return _KINDS[type(observation)]


def encode(value: object) -> bytes:
    """Any model object as JSON bytes."""
    return _encoder.encode(value)


def encode_lines(values: Sequence[object]) -> bytes:
    """As :func:`encode`, each followed by a line feed, which JSON has nowhere within."""
    return _encoder.encode_lines(values)


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


def decode_body(data: bytes, type_: type[T]) -> T:
    """What a caller sent to be kept, as :func:`decode`; raises :class:`InputError` also for what cannot be kept.

    PostgreSQL holds no text with NUL, and a time must be one in UTC too: ``9999-12-31T23:00:00-02:00`` is in no year.
    """
    value = decode(data, type_)
    if _maybe_not_kept(data):
        _check_kept(msgspec.json.decode(data), ())
    return value


def encode_batch(observations: Sequence[AnyObservation]) -> bytes:
    """Validated observations for the bus (MessagePack)."""
    return _batch_encoder.encode(observations)


def decode_batch(data: bytes) -> list[AnyObservation]:
    """The inverse of :func:`encode_batch`."""
    return _batch_decoder.decode(data)


def decode_observation(
    data: bytes, *, now: datetime, kind: str | None = None, source: str | None = None, media: Media = "json"
) -> AnyObservation:
    """One observation as a producer sent it, checked and stamped.

    ``kind`` and ``source`` are what the topic says; the payload may leave its kind out but may not contradict either.
    An observation without an id gets one derived from its content, so that a resend is recognised.
    Raises :class:`InputError` (or its :class:`MalformedError`, :class:`TooLargeError`).
    """
    if len(data) > MAX_MESSAGE_BYTES or (media == "json" and not data.isascii()):
        _check_bytes(data, media)
    decoder = _decoders.get((media, kind))
    if decoder is None:
        raise _unknown_kind(str(kind))
    try:
        observation = decoder.decode(data)
    except msgspec.ValidationError as error:
        if media == "msgpack" and _maybe_not_finite(data):
            _look_for_not_finite(data)
        raise _invalid(error) from None
    except msgspec.DecodeError as error:
        raise _malformed(data, error, media) from None
    except UnicodeDecodeError:  # MessagePack
        raise MalformedError("a text is not UTF-8; encode it as UTF-8", code=ErrorCode.INVALID_UTF8) from None
    except RecursionError:
        raise _too_deep() from None
    if source is not None and observation.source != source:
        raise InputError(
            f"source is {observation.source!r} but the topic belongs to {source!r}; a device writes only as itself",
            code=ErrorCode.SOURCE_MISMATCH,
            field="source",
        )
    if media == "msgpack" and _maybe_not_finite(data):  # the parser of JSON lets neither NaN nor Infinity pass
        _check_finite(observation)
    _stamp(observation, data, now)
    return observation


def decode_observations(data: bytes, *, now: datetime) -> list[AnyObservation]:
    """A MessagePack list of observations, each checked and stamped as by :func:`decode_observation`.

    All or nothing: raises :class:`InputError` or what msgspec raises; then judge the items that :func:`split` gives.
    """
    observations = _batch_decoder.decode(data)
    suspect = _maybe_not_finite(data) is not None
    for observation in observations:
        if suspect:
            _check_finite(observation)
        _stamp(observation, b"" if observation.id else _batch_encoder.encode(observation), now)
    return observations


def reader_of(kind: str) -> Reader | None:
    """What reads an observation of a kind from JSON and checks its types, no more; None when there is no such kind."""
    decoder = _decoders.get(("json", kind))
    return None if decoder is None else decoder.decode


def split(data: bytes, media: Media = "json") -> list[bytes]:
    """The items of an array, each still as it was sent, so that each is judged on its own.

    Raises :class:`MalformedError` when the whole cannot be read. NaN is not JSON, but many encoders write it: one such
    number does not cost the items around it, which then are written anew.
    """
    try:
        return [bytes(item) for item in (_split_json if media == "json" else _split_msgpack)(data)]
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as error:
        if media == "msgpack" or not _not_finite.search(data):
            detail = str(error).removeprefix("JSON is malformed: ")
            raise MalformedError(f"the array cannot be read: {detail}; nothing of it was taken") from None
        return _split_with_nan(data)


def _split_with_nan(data: bytes) -> list[bytes]:
    try:
        items = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedError("the array is not JSON; nothing of it was taken") from None
    return [_encoder.encode(item) if isinstance(item, str) else json.dumps(item).encode() for item in items]


def admit(observation: AnyObservation, content: bytes, *, now: datetime) -> AnyObservation:
    """Check what types cannot say (finite, time window, covariance) and stamp id and ``received_at``."""
    admitted = copy.copy(observation)
    _check_finite(admitted)
    _stamp(admitted, content, now)
    return admitted


def _stamp(observation: AnyObservation, content: bytes, now: datetime) -> None:
    """As :func:`admit`, in place: for what was decoded a moment ago and nobody else holds yet."""
    at = observation.observed_at
    if at.tzinfo is not UTC:
        try:
            at = at.astimezone(UTC)
        except OverflowError:
            raise _out_of_time("no such time in UTC") from None
        force_setattr(observation, "observed_at", at)
    _check_time(at, now)
    _check_names(observation)
    if type(observation) is kinds.Position and observation.cov_m2 is not None:
        _check_covariance(observation.cov_m2)
    if observation.id is None:
        force_setattr(observation, "id", derived_id(at, content))
    force_setattr(observation, "received_at", now)


def own(observation: AnyObservation, organisation: str | None) -> None:
    """Make what was decoded a moment ago ``organisation``'s (None: the default one's), whatever its producer says.

    The id of another organisation's is derived anew from its own: two that send the same id (a recording that both
    replay) do not take each other's observations for duplicates, and a resend still is one.
    """
    force_setattr(observation, "organisation", organisation)
    if organisation is not None:
        force_setattr(observation, "id", derived_id(observation.observed_at, organisation, str(observation.id)))


def check_size(data: bytes) -> None:
    """Raises :class:`TooLargeError` for what no message may be."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise TooLargeError(
            f"{len(data)} bytes; a message may have at most {MAX_MESSAGE_BYTES}. Split it or send less."
        )


def _check_bytes(data: bytes, media: Media = "json") -> None:
    check_size(data)
    if media == "msgpack":
        return
    if not data.strip():
        raise _empty()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"not UTF-8 at byte {error.start}; encode the message as UTF-8", code=ErrorCode.INVALID_UTF8
        ) from None


def _empty() -> MalformedError:
    return MalformedError("empty message; send one object", code=ErrorCode.EMPTY)


def _invalid(error: msgspec.ValidationError) -> InputError:
    match = _path.match(str(error))
    what, path = (match["what"], match["path"]) if match else (str(error), None)
    missing = re.search(r"(?:missing required|unknown) field `(\w+)`", what)
    field = ".".join(part for part in (path, missing[1] if missing else None) if part) or None
    if field == "kind" and what.startswith("Invalid value"):
        return _unknown_kind(what.removeprefix("Invalid value ").strip("'\""))
    return InputError(f"{field or 'message'}: {what}", field=field)


def _unknown_kind(kind: str) -> InputError:
    known = ", ".join(OBSERVATION_KINDS)
    return InputError(f"kind: unknown kind {kind!r}; use one of {known}", code=ErrorCode.UNKNOWN_KIND, field="kind")


def _malformed(data: bytes, error: msgspec.DecodeError, media: Media = "json") -> InputError:
    if not data.strip():
        return _empty()
    if media == "msgpack":
        return MalformedError(f"not MessagePack: {str(error).removeprefix('MessagePack data is malformed: ')}")
    if match := _not_finite.search(data):
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
    _check_floats({name: getattr(observation, name) for name in observation.__struct_fields__})


def _look_for_not_finite(data: bytes) -> None:
    """Of MessagePack that is wrong somewhere: when a number is why, say so."""
    try:
        fields = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    _check_floats(fields)


def _check_floats(fields: object) -> None:
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if not all(map(math.isfinite, _floats(value))):
            raise InputError(f"{name}: not a finite number; send one", code=ErrorCode.NOT_FINITE, field=str(name))


def _check_kept(value: object, path: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _check_kept(name, path)
            _check_kept(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check_kept(part, (*path, str(index)))
    elif isinstance(value, str):
        field = ".".join(path) or "body"
        if "\0" in value:
            raise InputError(f"{field}: a text cannot hold the character NUL; leave it out", field=field)
        if _is_beyond(value):
            raise InputError(f"{field}: no such time in UTC; send one of the years 1 to 9999", field=field)


def _is_beyond(text: str) -> bool:
    """Whether it is a time that has no name in UTC."""
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return False
    except OverflowError:
        return True
    return False


def _check_time(at: datetime, now: datetime) -> None:
    if at > now + MAX_CLOCK_AHEAD:
        ahead = (at - now).total_seconds()
        raise _out_of_time(
            f"{ahead:.0f} s ahead of our clock, at most {MAX_CLOCK_AHEAD.seconds} s are allowed; set the clock"
        )
    if at < EARLIEST:
        raise _out_of_time("before 1990; is the clock set?")


def _check_names(observation: AnyObservation) -> None:
    """What ``WireKey`` and ``WireUuid`` leave to us."""
    if not _is_key(observation.source):
        raise InputError(f"source: {observation.source[:70]!r}; send {KEY_MEANS}", field="source")
    identifier = observation.id
    if identifier is not None and _uuid.fullmatch(identifier) is None:
        raise InputError("id: not a UUID in lower case; send one, or leave it out and get one", field="id")


@lru_cache(maxsize=65_536)
def _is_key(text: str) -> bool:
    return _key.fullmatch(text) is not None


def _out_of_time(fix: str) -> InputError:
    return InputError(f"observed_at: {fix}", code=ErrorCode.OUT_OF_TIME_WINDOW, field="observed_at")


def _check_covariance(cov: tuple[tuple[float, float], tuple[float, float]]) -> None:
    (ee, en), (ne, nn) = cov
    if abs(en - ne) > 1e-6 * max(abs(ee), abs(nn), 1.0) or ee <= 0 or nn <= 0 or ee * nn - en * ne <= 0:
        raise InputError(
            "cov_m2: not a covariance; send ((ee, en), (en, nn)), symmetric and positive definite", field="cov_m2"
        )
