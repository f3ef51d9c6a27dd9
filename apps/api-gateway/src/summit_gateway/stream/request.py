"""What a client asks: the query of the address, and the frames that it sends over a WebSocket. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct
from summit_core.errors import InputError, MalformedError
from summit_core.security.decision import DEFAULT_SCOPE, Scope

from summit_gateway.stream import filter as filters
from summit_gateway.stream.filter import Filter
from summit_gateway.stream.projection import fields_of
from summit_gateway.stream.view import View

PARAMETERS: Final = ("from", "fields", "format", *filters.NAMES)
MAX_FRAME: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """``since``: the sequence to go on after; None begins with a snapshot."""

    view: View
    since: int | None


class Ask(Struct, frozen=True):
    """A frame of a client: a new filter. ``id`` comes back in the answer."""

    op: Literal["filter"]
    filter: Raw
    id: int | str | None = None


def opening_of(
    query: Mapping[str, str], last_event_id: str | None, *, text_only: bool, scope: Scope = DEFAULT_SCOPE
) -> Opening:
    """Raises :class:`InputError` that names the parameter. ``text_only``: the way cannot carry binary."""
    unknown = sorted(query.keys() - set(PARAMETERS))
    if unknown:
        raise InputError(f"{unknown[0]}: no such parameter; use {', '.join(PARAMETERS)}", field=unknown[0])
    format_ = query.get("format", "json")
    if format_ not in {"json", "binary"}:
        raise InputError(f"format: unknown {format_!r}; use json or binary", field="format")
    if format_ == "binary" and text_only:
        raise InputError("format: server-sent events carry text only; open a WebSocket for binary", field="format")
    binary = format_ == "binary"
    fields = fields_of(query["fields"], binary=binary) if "fields" in query else None
    wanted = filters.from_query({name: text for name, text in query.items() if name in filters.NAMES})
    view = View(wanted, fields, binary, scope)
    view.check()
    return Opening(view, _since_of(query.get("from") or last_event_id))


def ask_of(text: str) -> tuple[Ask, Filter]:
    """Raises :class:`InputError`; use :func:`id_of` to answer it."""
    try:
        ask = msgspec.json.decode(text, type=Ask)
    except msgspec.ValidationError:
        raise InputError('op: send {"op":"filter","id":1,"filter":{…}}', field="op") from None
    except (msgspec.DecodeError, RecursionError):
        raise MalformedError("not JSON; nothing was changed") from None
    return ask, filters.from_json(bytes(ask.filter))


def id_of(text: str) -> Any:
    """The id of a frame that could not be understood, as far as it has one."""
    try:
        return msgspec.json.decode(text[:MAX_FRAME], type=_Identified).id
    except (msgspec.DecodeError, RecursionError):
        return None


class _Identified(Struct):
    id: int | str | None = None


def _since_of(text: str | None) -> int | None:
    if text is None or not text:
        return None
    if not text.isdecimal() or len(text) > 19:
        raise InputError("from: send the seq of the last frame that you received", field="from")
    return int(text)
