"""A request body as items, each still the bytes that were sent, so that each is judged on its own. Pure."""

import json
from typing import Final

import msgspec
from summit_core import wire
from summit_core.errors import InputError, MalformedError

from summit_gateway.body import UnsupportedMediaTypeError

MAX_ITEMS: Final = 5_000
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
_split_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def items_of(body: bytes, media_type: str) -> list[bytes]:
    """The items of one object, an array or NDJSON; raises :class:`InputError` when the whole cannot be read."""
    if media_type not in {JSON, NDJSON, ""}:
        raise UnsupportedMediaTypeError(f"send Content-Type: {JSON} or {NDJSON}", field="content-type")
    stripped = body.strip()
    if media_type == NDJSON:
        items = [line for line in stripped.split(b"\n") if line.strip()]
    elif stripped.startswith(b"["):
        items = _array(stripped)
    else:
        items = [body]
    if len(items) > MAX_ITEMS:
        raise InputError(f"{len(items)} observations; a request may have at most {MAX_ITEMS}. Split it.")
    return items


def _array(body: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _split_array(body)]
    except RecursionError:
        raise MalformedError("not JSON that we read: nested too deeply") from None
    except msgspec.DecodeError as error:
        return _array_with_nan(body, error)


def _array_with_nan(body: bytes, why: msgspec.DecodeError) -> list[bytes]:
    """NaN is not JSON, but many encoders write it: one such number shall not cost the items around it."""
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        detail = str(why).removeprefix("JSON is malformed: ")
        raise MalformedError(f"the array is not JSON: {detail}; nothing of it was taken") from None
    return [wire.encode(item) if isinstance(item, str) else json.dumps(item).encode() for item in items]
