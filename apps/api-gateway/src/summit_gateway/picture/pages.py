"""Pages of lists as they were answered last: who sees the same and asks the same gets the same bytes until something of
the list changes; then the page is made again, without looking at the question again.

What may be seen (:class:`Scope`) is part of the name under which a page is kept; the guard is asked first each time.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from summit_core.bus import Mirror
from summit_core.http.compression import LEAST_BYTES, accepts_gzip, packed
from summit_core.http.responses import JSON, list_tail
from summit_core.model import WorldType
from summit_core.security.decision import Scope

from summit_gateway.guard import guard
from summit_gateway.identity import scope_of
from summit_gateway.picture.service import Page
from summit_gateway.services import Services

MOST_BYTES: Final = 32 * 1024 * 1024
OVERHEAD_BYTES: Final = 2048
"""Of a page that is kept: its question, and the objects that hold it."""
GEOJSON: Final = "application/geo+json"
Make = Callable[[], Page]
_Key = tuple[str, bytes, Scope]


class Pages:
    """Those asked for last, in ``most_bytes`` of memory. Used by one event loop."""

    def __init__(self, services: Services, most_bytes: int = MOST_BYTES) -> None:
        self._services, self._most_bytes = services, most_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self.bytes = 0

    async def first(self, request: Request, type_: WorldType, make: Make) -> Response:
        """The page that ``make`` makes of the live picture; its parameters have been found good."""
        kept = _Kept(self._services.picture(), type_, make)
        response = await kept.response(request)
        self._forget(_key(request))
        self._kept[_key(request)] = kept
        self._weigh(kept)
        return response

    async def again(self, request: Request) -> Response | None:
        """The page, where the same was asked before; raises what the guard raises."""
        if GEOJSON in request.headers.get("accept", ""):
            return None
        await guard(request)
        key = _key(request)
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._services.picture()
        self._kept.move_to_end(key)
        response = await kept.response(request)
        if self._kept.get(key) is kept:
            self._weigh(kept)
        return response

    def _weigh(self, kept: "_Kept") -> None:
        self.bytes += kept.size - kept.counted
        kept.counted = kept.size
        while self.bytes > self._most_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.bytes -= kept.counted


class _Kept:
    """One page; ``counted`` is what is known of its size."""

    def __init__(self, picture: Mirror, type_: WorldType, make: Make) -> None:
        self._picture, self._type, self._make = picture, type_, make
        self._version = self._seq = -1
        self._items = self._body = self._packed = b""
        self._next: str | None = None
        self.counted = 0

    @property
    def size(self) -> int:
        return OVERHEAD_BYTES + len(self._items) + len(self._body) + len(self._packed)

    async def response(self, request: Request) -> Response:
        body = self._current()
        if len(body) < LEAST_BYTES or not accepts_gzip(request.headers.get("accept-encoding", "")):
            return Response(body, media_type=JSON, headers={"Vary": "Accept"})
        small = self._packed
        if not small:
            small = await packed(body)
            if body is self._body:
                self._packed = small
        return Response(small, media_type=JSON, headers={"Vary": "Accept, Accept-Encoding", "Content-Encoding": "gzip"})

    def _current(self) -> bytes:
        version, seq = self._picture.version(self._type), self._picture.seq
        if version != self._version:
            page = self._make()
            self._items = b",".join([change.event.body for change in page.changes])
            self._next = page.next
        if version != self._version or seq != self._seq:
            self._body = b'{"items":[' + self._items + list_tail(self._next, seq)
            self._packed = b""
            self._version, self._seq = version, seq
        return self._body


def _key(request: Request) -> _Key:
    return request.scope["path"], request.scope["query_string"], scope_of(request)
