"""Request bodies, read with a bound: what is too large is refused before it is held in memory."""

import re
from typing import Final, TypeVar

from starlette.requests import Request
from summit_core import wire
from summit_core.errors import MalformedError, TooLargeError, UnsupportedMediaTypeError

SMALL_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
_brackets = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
T = TypeVar("T")


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_bounded(request: Request, limit: int) -> bytes:
    """The whole body; raises :class:`TooLargeError` as soon as it is known to be more than ``limit`` bytes."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise TooLargeError(f"{stated} bytes; a request may have at most {limit}. Split it.")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"more than {limit} bytes; split the request")
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: Request, type_: type[T]) -> T:
    """A small JSON body. Asking for the media type makes a browser ask us first before it sends one across origins."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaTypeError("send Content-Type: application/json", field="content-type")
    return wire.decode_body(await read_small(request), type_)


async def read_small(request: Request) -> bytes:
    """A small body that no reader of it can be driven too deep by; raises :class:`MalformedError`."""
    body = await read_bounded(request, SMALL_BYTES)
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return body
    depth = 0
    for token in _brackets.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise MalformedError(f"nested more than {MAX_DEPTH} deep; nothing that we take is", field="body")
    return body
