"""Browser origins: an explicit list per environment (``CORS_ORIGINS``), empty by default, the same in every service."""

import re
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

_origin = re.compile(r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
RULES: Final[dict[str, Any]] = {
    "allow_credentials": True,
    "allow_methods": ["GET", "POST", "PATCH", "PUT", "DELETE"],
    "allow_headers": [
        *("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
        *("Traceparent", "Tracestate", "X-Request-Id", "X-Summit-Request"),
    ],
    "expose_headers": [
        *("Content-Disposition", "Content-Location", "ETag", "Idempotency-Replayed", "Location"),
        *("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"),
    ],
    "max_age": 600,
}


def origins(text: str) -> list[str]:
    """The origins of a comma-separated list; ends the start of the service when one is not exactly an origin."""
    found = [origin.strip() for origin in text.split(",") if origin.strip()]
    if "*" in found:
        raise SystemExit("CORS_ORIGINS may not be *: name the origins, because requests carry credentials")
    for origin in found:
        if not _origin.fullmatch(origin):
            raise SystemExit(f"CORS_ORIGINS: {origin!r} is no origin; write scheme://host[:port], without a path")
    return found


def cors(text: str) -> list[Middleware]:
    """The middleware for these origins; none when there are none."""
    found = origins(text)
    return [Middleware(CORSMiddleware, allow_origins=found, **RULES)] if found else []
