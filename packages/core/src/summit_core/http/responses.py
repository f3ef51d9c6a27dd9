"""Answers from model bytes, without a second encoder in between."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from summit_core import wire

JSON = "application/json"


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any model object, list or dict as JSON."""
    return Response(wire.encode(value), status_code=status, media_type=JSON, headers=headers)


def raw_list(items: Iterable[bytes], *, next_cursor: str | None, seq: int) -> Response:
    """``{"items": […], "next": …, "seq": …}`` from objects that are JSON bytes already."""
    tail = b'],"next":' + wire.encode(next_cursor) + b',"seq":' + str(seq).encode() + b"}"
    return Response(b'{"items":[' + b",".join(items) + tail, media_type=JSON)
