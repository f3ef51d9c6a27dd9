"""The signed head: how long the chain of an organisation is, and its last hash. Ed25519 (RFC 8032)."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from summit_core.audit.chain import GENESIS, canonical
from summit_core.model.common import Timestamp
from summit_core.security.nkey import AccountKey, is_signature

_CONTEXT = b"summit-audit-head/1\n"
"""So that a signature of something else is never taken for one of a head."""
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Head(Struct, frozen=True, kw_only=True):
    """Records ``first`` to ``seq`` are there (none when ``seq`` is less); ``prev`` is the hash before ``first``."""

    organisation: str
    at: Timestamp
    first: Annotated[int, Meta(ge=1)] = 1
    prev: Hash = GENESIS
    seq: Annotated[int, Meta(ge=0)] = 0
    hash: Hash = GENESIS


class SignedHead(Struct, frozen=True, kw_only=True):
    """The last line of an export. ``key`` is the public key as text, ``signature`` is hexadecimal."""

    head: Head
    key: str
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]

    @property
    def line(self) -> bytes:
        return canonical(self)

    @property
    def holds(self) -> bool:
        """Whether the owner of ``key`` signed it."""
        return is_signature(self.key, _CONTEXT + canonical(self.head), bytes.fromhex(self.signature))


def sign(head: Head, key: AccountKey) -> SignedHead:
    return SignedHead(head=head, key=key.public, signature=key.sign(_CONTEXT + canonical(head)).hex())


def read_head(line: bytes) -> SignedHead | None:
    """None for a line that is none, or not encoded as it would be written."""
    try:
        found = msgspec.json.decode(line, type=SignedHead)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if found.line == line else None
