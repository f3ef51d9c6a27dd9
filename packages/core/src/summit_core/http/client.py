"""The one pooled HTTP client of a process, with the checklist's bounds and a total below the caller's deadline."""

from dataclasses import dataclass
from ssl import SSLContext
from typing import Final

import aiohttp
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from summit_core.errors import UnavailableError, UpstreamTimeoutError

KEPT_HEADERS: Final = ("Cache-Control", "Content-Location", "ETag", "Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said, as it said it."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str]


def create_session(context: SSLContext | None = None) -> ClientSession:
    """Build it once, inside the lifespan, and close it there. ``context``: of ``security.tls.client_context``."""
    encryption = True if context is None else context
    return ClientSession(
        connector=TCPConnector(limit=100, limit_per_host=50, keepalive_timeout=20, ttl_dns_cache=60, ssl=encryption),
        timeout=ClientTimeout(total=5.0, connect=1.0, sock_read=4.0),
        auto_decompress=False,
    )


def server_name(url: str, service: str) -> str | None:
    """Whose name the certificate behind ``url`` must bear: the service's, wherever it runs, so that one service cannot
    stand in for another."""
    return service if url.startswith("https:") else None


async def call(
    session: ClientSession, method: str, url: str, *, upstream: str, headers: dict[str, str], body: bytes | None = None
) -> Answer:
    """One request; an upstream that is away or slow becomes an error that says so without naming its address."""
    try:
        async with session.request(
            method, url, data=body, headers=headers, server_hostname=server_name(url, upstream)
        ) as response:
            kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            return Answer(response.status, await response.read(), response.content_type, kept)
    except TimeoutError:
        raise UpstreamTimeoutError(f"{upstream} did not answer in time; try again", retry_after_s=2) from None
    except aiohttp.ClientError:
        raise UnavailableError(f"{upstream} is away; try again", retry_after_s=2) from None
