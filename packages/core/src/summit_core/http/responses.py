"""Answers from model bytes, without a second encoder in between."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from summit_core import wire

JSON = "application/json"


class Ready(Response):
    """An answer whose headers are bytes already, those of its body included."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body, self.status_code, self.raw_headers, self.background = body, status, headers, None


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any model object, list or dict as JSON."""
    return Response(wire.encode(value), status_code=status, media_type=JSON, headers=headers)


def raw_list(items: Iterable[bytes], *, next_cursor: str | None, seq: int) -> Response:
    """``{"items": […], "next": …, "seq": …}`` from objects that are JSON bytes already."""
    return Response(b'{"items":[' + b",".join(items) + list_tail(next_cursor, seq), media_type=JSON)


def list_tail(next_cursor: str | None, seq: int) -> bytes:
    """What such a list ends with."""
    return b'],"next":' + wire.encode(next_cursor) + b',"seq":' + str(seq).encode() + b"}"
