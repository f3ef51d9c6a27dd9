"""The API key: ``smt_<id>_<secret>``. The id is for the look-up and the log, the secret is 256 random bits."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from summit_core.model import Principal, Role
from summit_core.model.common import Timestamp

_shape = re.compile(r"smt_(?P<id>[0-9a-f]{12})_[0-9a-f]{64}")


class ApiKey(Struct, frozen=True, kw_only=True):
    """What is known of a key without its secret."""

    id: str
    name: str
    role: Role
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None

    def refusal(self, now: datetime) -> str | None:
        """Why the key no longer opens anything, or None."""
        if self.revoked_at is not None:
            return "the key was revoked; ask an administrator for another"
        if self.expires_at is not None and self.expires_at <= now:
            return "the key has expired; ask an administrator for another"
        return None

    @property
    def principal(self) -> Principal:
        return Principal(id=self.id, name=self.name, role=self.role)


class StoredKey(NamedTuple):
    """A key and the SHA-256 of its token, which is all that we keep of the secret."""

    key: ApiKey
    hash: bytes


class NewKey(Struct, frozen=True, kw_only=True):
    """The request for a key. A device's key is named after its ``source``."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    role: Role
    expires_at: Timestamp | None = None


class IssuedKey(ApiKey, frozen=True, kw_only=True):
    """The answer: the only time that the key itself is shown."""

    key: str


class KeyList(Struct, frozen=True, kw_only=True):
    items: list[ApiKey]
    next: str | None = None
    seq: int


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
