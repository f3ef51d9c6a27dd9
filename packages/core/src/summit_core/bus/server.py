"""Where the NATS servers are and how to sign in, from ``nats://user:password@host:port``; several, comma separated."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from summit_core.errors import InputError

PORT: Final = 4222
SCHEMES: Final = {"nats": False, "tls": True}


@dataclass(frozen=True, slots=True)
class Server:
    """One server. The secrets are kept out of its representation; ``str`` is safe to log."""

    host: str
    port: int
    tls: bool
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """As CONNECT names them."""
        named = {"user": self.user, "pass": self.password, "auth_token": self.token}
        return {name: value for name, value in named.items() if value is not None}


def servers(urls: str) -> tuple[Server, ...]:
    """Raises :class:`InputError` that repeats nothing of the URL, for there is a password in it."""
    try:
        return tuple(_server(url.strip()) for url in urls.split(","))
    except ValueError:
        raise InputError("the NATS URL must be nats://user:password@host:port", field="nats_url") from None


def _server(url: str) -> Server:
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError("scheme or host")
    name = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password is not None else None
    if password is None:  # a single word is a token
        return Server(parts.hostname, parts.port or PORT, SCHEMES[parts.scheme], token=name)
    return Server(parts.hostname, parts.port or PORT, SCHEMES[parts.scheme], user=name or "", password=password)
