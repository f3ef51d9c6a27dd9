"""Asks a service whether it is ready: a few lines of HTTP, so that the supervisor stays small in memory."""

import asyncio
from urllib.parse import urlsplit

import msgspec
from summit_core.security.context import TlsFiles


async def get(url: str, timeout_s: float = 2.0, tls: TlsFiles | None = None) -> tuple[int, bytes]:
    """Status and body of a GET, on a connection of its own. Raises ``OSError`` (``TimeoutError`` among them)."""
    parts, context = urlsplit(url), None if tls is None else tls.context()
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
        try:
            # 1.0, so that the answer comes whole and ends with the connection
            writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("no HTTP answer")
    return int(words[1]), body


async def readiness(url: str, timeout_s: float = 3.0, *, tls: TlsFiles | None = None) -> dict[str, str]:
    """Why the service at ``url`` is not ready; empty when it is."""
    try:
        status, body = await get(f"{url}/readyz", timeout_s, tls)
    except TimeoutError:
        return {"http": f"no answer within {timeout_s:.0f} s"}
    except OSError as error:
        return {"http": f"does not answer ({error.strerror or error})"}
    if status == 200:
        return {}
    return _reasons(body) or {"http": f"status {status}"}


def _reasons(body: bytes) -> dict[str, str]:
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    reasons = answer.get("reasons") if isinstance(answer, dict) else None
    return {str(name): str(reason) for name, reason in reasons.items()} if isinstance(reasons, dict) else {}
