"""A passkey as kept and shown, and what a browser sends of one (WebAuthn Level 3, 5.1)."""

from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta, Struct, field
from summit_core.model.common import Timestamp

from summit_gateway.users.user import StoredUser

MAX_EACH: Final = 20
"""Passkeys of one user."""
Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*\Z")]
_Base64 = Annotated[str, Meta(min_length=1, max_length=32_768, pattern=r"^[A-Za-z0-9_-]+\Z")]
CredentialId = Annotated[str, Meta(min_length=1, max_length=1364, pattern=r"^[A-Za-z0-9_-]+\Z")]
"""At most 1,023 bytes in base64url."""


class Passkey(Struct, frozen=True, kw_only=True):
    """``last_used_at``: when somebody last signed in with it."""

    id: str
    name: str
    created_at: Timestamp
    last_used_at: Timestamp | None = None


class PasskeyList(Struct, frozen=True, kw_only=True):
    items: list[Passkey]
    next: str | None = None
    seq: int


class StoredPasskey(NamedTuple):
    """With its owner, and what only the server knows. ``sign_count`` is 0 for ever where it does not count."""

    passkey: Passkey
    credential: bytes
    public_key: bytes
    sign_count: int
    owner: StoredUser


class Attestation(Struct, frozen=True, kw_only=True, rename="camel"):
    client_data: _Base64 = field(name="clientDataJSON")
    attestation_object: _Base64


class MadeCredential(Struct, frozen=True, kw_only=True, rename="camel"):
    """``PublicKeyCredential.toJSON()`` of ``navigator.credentials.create()``."""

    id: CredentialId
    raw_id: CredentialId
    type: Literal["public-key"]
    response: Attestation


class Assertion(Struct, frozen=True, kw_only=True, rename="camel"):
    client_data: _Base64 = field(name="clientDataJSON")
    authenticator_data: _Base64
    signature: _Base64
    user_handle: _Base64


class ShownCredential(Struct, frozen=True, kw_only=True, rename="camel"):
    """``PublicKeyCredential.toJSON()`` of ``navigator.credentials.get()``."""

    id: CredentialId
    raw_id: CredentialId
    type: Literal["public-key"]
    response: Assertion


class NewPasskey(Struct, frozen=True, kw_only=True):
    name: Label
    credential: MadeCredential


class PasskeyPatch(Struct, frozen=True, kw_only=True):
    name: Label


class PasskeySignIn(Struct, frozen=True, kw_only=True):
    """``tokens`` as in ``POST /v1/session``."""

    credential: ShownCredential
    tokens: bool = False
