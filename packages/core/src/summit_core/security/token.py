"""The credential: ``smt_<id>_<secret>``. The id is for the look-up and the log, the secret is 256 random bits."""

import hashlib
import hmac
import re
import secrets
from typing import Final

PREFIX: Final = "smt_"
_shape = re.compile(r"smt_(?P<id>[0-9a-f]{12})_[0-9a-f]{64}")
_NOBODY: Final = bytes(32)


def new_token() -> tuple[str, str]:
    """A fresh id and the token that holds it."""
    identifier = secrets.token_hex(6)
    return identifier, f"smt_{identifier}_{secrets.token_hex(32)}"


def id_of(token: str) -> str | None:
    """The id part, or None when the token is not of our shape."""
    match = _shape.fullmatch(token)
    return match["id"] if match else None


def digest(token: str) -> bytes:
    """A plain hash is enough: 256 random bits cannot be guessed, so a slow one would only slow us down."""
    return hashlib.sha256(token.encode()).digest()


def is_right(token: str, stored: bytes | None) -> bool:
    """Whether ``stored`` is the digest of the token. The same work whether the id exists or not, so that the time taken
    tells nothing."""
    return hmac.compare_digest(digest(token), stored or _NOBODY) and stored is not None
