"""The one pooled HTTP client of a process, with the checklist's bounds (H4). Nobody else builds one."""

from ssl import SSLContext
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.client_reqrep import ConnectionKey

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


class _Pool(TCPConnector):
    """Keeps a bounded number of idle connections; aiohttp by itself bounds only how long each is kept."""

    def _release(self, key: ConnectionKey, protocol: Any, *, should_close: bool = False) -> None:
        full = sum(map(len, self._conns.values())) >= KEPT
        super()._release(key, protocol, should_close=should_close or full)


def create_session(context: SSLContext | None = None) -> ClientSession:
    """Build it once, inside the lifespan, and close it there. ``context``: of ``security.tls.client_context``."""
    encryption = True if context is None else context
    return ClientSession(
        connector=_Pool(limit=CONNECTIONS, keepalive_timeout=KEPT_S, ttl_dns_cache=60, ssl=encryption),
        timeout=ClientTimeout(total=TOTAL_S, connect=POOL_S, sock_connect=CONNECT_S, sock_read=READ_S),
        headers={"Accept-Encoding": "identity"},  # services do not pack for the machine next door; the door does
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),  # what one caller is told to keep, another must never send
    )
