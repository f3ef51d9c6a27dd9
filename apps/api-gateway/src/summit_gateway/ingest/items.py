"""A request body as items, each still the bytes that were sent, so that each is judged on its own. Pure."""

from typing import Final

from summit_core import wire
from summit_core.errors import TooLargeError, UnsupportedMediaTypeError

MAX_ITEMS: Final = 5_000
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
MSGPACK: Final = "application/msgpack"
_ARRAYS: Final = frozenset(range(0x90, 0xA0)) | {0xDC, 0xDD}
"""First bytes of an array in MessagePack."""


def media_of(media_type: str) -> wire.Media:
    """How the items are written; raises :class:`UnsupportedMediaTypeError`."""
    if media_type == MSGPACK:
        return "msgpack"
    if media_type not in {JSON, NDJSON, ""}:
        raise UnsupportedMediaTypeError(f"send Content-Type: {JSON}, {NDJSON} or {MSGPACK}", field="content-type")
    return "json"


def items_of(body: bytes, media_type: str) -> list[bytes]:
    """The items of one object, an array or NDJSON; raises :class:`InputError` when the whole cannot be read."""
    media = media_of(media_type)
    stripped = body if media == "msgpack" else body.strip()
    if media_type == NDJSON:
        items = [line for line in stripped.split(b"\n") if line.strip()]
    elif stripped.startswith(b"[") if media == "json" else stripped[:1] and stripped[0] in _ARRAYS:
        items = wire.split(stripped, media)
    else:
        items = [body]
    if len(items) > MAX_ITEMS:
        raise TooLargeError(f"{len(items)} observations; a request may have at most {MAX_ITEMS}. Split it.")
    return items
