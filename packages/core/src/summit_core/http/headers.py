"""What every answer of every service carries (OWASP Secure Headers). Pure."""

from collections.abc import Iterable
from typing import Final

Header = tuple[bytes, bytes]
HSTS: Final[Header] = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Only by HTTPS: over HTTP a browser must ignore it (RFC 6797, section 8.1)."""
NO_STORE: Final[Header] = (b"cache-control", b"no-store")
REVALIDATE: Final[Header] = (b"cache-control", b"private, no-cache")
"""Of an answer with an ETag: kept by the caller alone, and asked for again each time."""
ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def secured(headers: Iterable[Header], *, https: bool) -> list[Header]:
    """The headers of an answer with those that it lacks."""
    found = list(headers)
    stated = {name.lower() for name, _ in found}
    found += [header for header in ALWAYS if header[0] not in stated]
    if b"cache-control" not in stated:
        found.append(REVALIDATE if b"etag" in stated else NO_STORE)
    if https:
        found.append(HSTS)
    return found
