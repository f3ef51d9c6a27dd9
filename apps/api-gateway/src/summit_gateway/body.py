"""Request bodies, read with a bound: what is too large is refused before it is held in memory."""

from typing import Final, TypeVar

from starlette.requests import Request
from summit_core import wire
from summit_core.errors import TooLargeError, UnsupportedMediaTypeError

SMALL_BYTES: Final = 64 * 1024
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
    return wire.decode(await read_bounded(request, SMALL_BYTES), type_)
