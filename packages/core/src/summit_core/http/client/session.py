"""The one pooled HTTP client of a process, with the checklist's bounds (H4). Nobody else builds one."""

from collections.abc import Coroutine
from functools import cached_property
from ssl import SSLContext, create_default_context
from typing import Any, Final
from weakref import WeakSet

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.client_reqrep import ConnectionKey

from summit_core.http.client.wire import Wire

CONNECT_S: Final = 1.0
POOL_S: Final = 5.0
"""The longest wait for a free connection and its opening together."""
READ_S: Final = 5.0
"""Between two reads."""
TOTAL_S: Final = 5.0
CONNECTIONS: Final = 100
KEPT: Final = 20
"""Idle connections that are kept for the next call; more of them are closed at once."""
KEPT_S: Final = 20.0


class Pool(TCPConnector):
    """Keeps a bounded number of idle connections; aiohttp by itself bounds only how long each is kept.

    ``context`` and ``wires``, which end with it, are of the connections that :mod:`summit_core.http.client.lean` keeps.
    """

    def __init__(self, context: SSLContext | None) -> None:
        encryption = True if context is None else context
        super().__init__(limit=CONNECTIONS, keepalive_timeout=KEPT_S, ttl_dns_cache=60, ssl=encryption)
        self._context = context
        self.wires: WeakSet[Wire] = WeakSet()

    @cached_property
    def context(self) -> SSLContext:
        return self._context or create_default_context()

    def close(self, *, abort_ssl: bool = False) -> Coroutine[Any, Any, None]:
        for wire in self.wires:
            wire.close()
        return super().close(abort_ssl=abort_ssl)

    def _release(self, key: ConnectionKey, protocol: Any, *, should_close: bool = False) -> None:
        full = sum(map(len, self._conns.values())) >= KEPT
        super()._release(key, protocol, should_close=should_close or full)


def create_session(context: SSLContext | None = None) -> ClientSession:
    """Build it once, inside the lifespan, and close it there. ``context``: of ``security.tls.client_context``."""
    return ClientSession(
        connector=Pool(context),
        timeout=ClientTimeout(total=TOTAL_S, connect=POOL_S, sock_connect=CONNECT_S, sock_read=READ_S),
        headers={"Accept-Encoding": "identity"},  # services do not pack for the machine next door; the door does
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),  # what one caller is told to keep, another must never send
    )
