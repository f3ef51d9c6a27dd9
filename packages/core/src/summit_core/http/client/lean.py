"""A GET of one service over connections that are kept, without what aiohttp prepares for cookies, forms, redirects and
addresses of any kind. That is most of what a small request that is passed on costs.

Only what needs no quoting goes this way (:func:`is_plain`); the rest goes by the session's own. The session's
certificates hold here too, and its end closes what is kept.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from aiohttp import ClientConnectionResetError, ClientSession
from yarl import URL

from summit_core.http.client.session import CONNECT_S, KEPT, KEPT_S, Pool
from summit_core.http.client.wire import BrokenOffError, NotConnectedError, Reply, Wire

_target: Final = re.compile(r"/[A-Za-z0-9_:.,=&/?\-]*")


def is_plain(target: str, headers: Mapping[str, str]) -> bool:
    """Whether every letter may be sent as it is: nothing to be quoted, nothing that could end a line."""
    said = "".join(headers.values())
    ends_no_line = said.isascii() and "\n" not in said and "\r" not in said and "\0" not in said
    return ends_no_line and _target.fullmatch(target) is not None and "/." not in target


class Lean:
    """One service. ``server_name``: whose name its certificate must bear."""

    def __init__(self, session: ClientSession, url: str, server_name: str | None) -> None:
        if not isinstance(session.connector, Pool):
            raise TypeError("the session is not of create_session")
        self._session, self._pool = session, session.connector
        self._url = URL(url)
        self._server_name = server_name
        self._start = f"GET {self._url.raw_path.rstrip('/')}"
        self._rest = f" HTTP/1.1\r\nHost: {self._url.host_port_subcomponent}\r\n"
        self._idle: deque[Wire] = deque()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """To ask for the running one costs a system call each time."""
        return asyncio.get_running_loop()

    async def get(self, target: str, headers: Mapping[str, str], *, total_s: float, silence_s: float) -> Reply:
        """Raises ``TimeoutError``, and an :class:`aiohttp.ClientError`: a :class:`NotConnectedError` where nothing was
        sent."""
        said = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{self._start}{target}{self._rest}{said}\r\n".encode("ascii")
        until = self._loop.time() + total_s
        kept = self._kept()
        if kept is not None:
            try:
                return self._put_back(kept, await kept.ask(head, until=until, silence_s=silence_s))
            except BrokenOffError:  # it may have been closed meanwhile; a new one that breaks off is the answer
                if not kept.used:
                    raise
        wire = await self._connect(until)
        return self._put_back(wire, await wire.ask(head, until=until, silence_s=silence_s))

    def _put_back(self, wire: Wire, reply: Reply) -> Reply:
        if wire.is_free:
            if len(self._idle) < KEPT and not self._session.closed:
                wire.free_since = self._loop.time()
                self._idle.append(wire)
            else:
                wire.close()
        return reply

    def _kept(self) -> Wire | None:
        """The one that was used last. What has been idle for long, the service may be closing just now."""
        oldest = self._loop.time() - KEPT_S
        while self._idle and (self._idle[0].free_since < oldest or not self._idle[0].is_free):
            self._idle.popleft().close()
        while self._idle:
            wire = self._idle.pop()
            if wire.is_free:
                return wire
        return None

    async def _connect(self, until: float) -> Wire:
        if self._session.closed:
            raise ClientConnectionResetError("the session is closed")
        loop = self._loop
        context = self._pool.context if self._url.scheme == "https" else None
        patience_s = min(CONNECT_S, until - loop.time())
        try:
            async with asyncio.timeout(patience_s):
                _, wire = await loop.create_connection(
                    Wire, self._url.host or "", self._url.port or 80, ssl=context, server_hostname=self._server_name
                )
        except TimeoutError:
            if patience_s < CONNECT_S:
                raise
            raise NotConnectedError from None
        except OSError as error:
            raise NotConnectedError from error
        self._pool.wires.add(wire)
        return wire
