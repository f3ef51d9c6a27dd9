"""Health check of a container: ``python -m summit_core.http.probe [URL]``. Standard library only.

Exits 0 when the answer is 200, else 1 with one line that says why. Without a URL it asks this service's ``/readyz``.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request
from http.client import HTTPException

TIMEOUT_S = 4.0
"""Readiness has a total deadline of 2 s."""


def problem(url: str, context: ssl.SSLContext | None = None) -> str | None:
    """None when the answer is 200, else the reason."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open(url, timeout=TIMEOUT_S) as answer:
            return None if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"status {error.code}: {error.read(2000).decode(errors='replace')}"
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def own() -> tuple[str, ssl.SSLContext | None]:
    """This service's own ``/readyz``, as its environment says that it listens."""
    certificate = os.environ.get("SUMMIT_TLS_CERT_FILE")
    at = f"127.0.0.1:{os.environ.get('SUMMIT_PORT', '8000')}/readyz"
    if not certificate:
        return f"http://{at}", None
    context = ssl.create_default_context(cafile=os.environ.get("SUMMIT_TLS_CA_FILE"))
    context.check_hostname = False  # its certificate names the service, and this asks on loopback
    context.load_cert_chain(certificate, os.environ.get("SUMMIT_TLS_KEY_FILE"))
    return f"https://{at}", context


def main() -> None:
    url, context = (sys.argv[1], None) if len(sys.argv) > 1 else own()
    found = problem(url, context)
    if found:
        sys.exit(f"{url}: {found}")


if __name__ == "__main__":
    main()
