"""A strict Content-Security-Policy for an exported site: only the inline scripts that were exported may run. Pure."""

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# Every inline script, with attributes such as an id, but without a src. Missing one would stop hydration.
_inline = re.compile(r"<script(?P<attributes>(?:\s[^>]*)?)>(?P<code>.*?)</script>", re.DOTALL | re.IGNORECASE)
_has_src = re.compile(r"\ssrc\s*=", re.IGNORECASE)
REST: Final = (
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


def policy(scripts: Iterable[str]) -> str:
    """The policy that lets these inline scripts run, and no other."""
    allowed = " ".join(["'self'", *sorted({f"'sha256-{_sha256(code)}'" for code in scripts})])
    return f"default-src 'none'; script-src {allowed}; {REST}"


def inline_scripts(html: str) -> list[str]:
    """The code of every inline script of a page."""
    return [match["code"] for match in _inline.finditer(html) if not _has_src.search(match["attributes"])]


def policy_of(folder: Path) -> str:
    """The policy of every page under a folder."""
    pages = sorted(folder.rglob("*.html"))
    return policy(code for page in pages for code in inline_scripts(page.read_text(encoding="utf-8")))


def _sha256(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
