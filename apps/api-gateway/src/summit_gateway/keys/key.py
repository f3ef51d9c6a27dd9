"""The API key as it is kept and shown; its token is ``summit_core.security.token``'s."""

from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from summit_core.model import DEFAULT_ORGANISATION, Principal, Role
from summit_core.model.common import Box, Key, Timestamp
from summit_core.security.permissions import Permission

MAX_OVERLAP_S = 30 * 86_400


class ApiKey(Struct, frozen=True, kw_only=True):
    """What is known of a key without its secret. ``scopes`` narrow the role; without them it may all that the role may.
    ``last_used_at`` may be a minute late."""

    id: str
    name: str
    role: Role
    organisation: str = DEFAULT_ORGANISATION
    areas: tuple[Box, ...] = ()
    scopes: tuple[Permission, ...] | None = None
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None
    last_used_at: Timestamp | None = None

    def refusal(self, now: datetime) -> str | None:
        """Why the key no longer opens anything, or None."""
        if self.revoked_at is not None:
            return "the key was revoked; ask an administrator for another"
        if self.expires_at is not None and self.expires_at <= now:
            return "the key has expired; ask an administrator for another"
        return None

    @property
    def principal(self) -> Principal:
        return Principal(
            id=self.id,
            name=self.name,
            role=self.role,
            organisation=self.organisation,
            areas=self.areas,
            scopes=self.scopes,
        )


class StoredKey(NamedTuple):
    """A key and the SHA-256 of its token, which is all that we keep of the secret."""

    key: ApiKey
    hash: bytes


class NewKey(Struct, frozen=True, kw_only=True):
    """The request for a key. A device's key is named after its ``source``. Without ``organisation``: the asker's."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    role: Role
    organisation: Key | None = None
    areas: Annotated[tuple[Box, ...], Meta(max_length=20)] = ()
    scopes: tuple[Permission, ...] | None = None
    expires_at: Timestamp | None = None


class Rotation(Struct, frozen=True, kw_only=True):
    """The old key holds for ``overlap_s`` more; the new one lasts as long as the old one was made for, or until
    ``expires_at``."""

    overlap_s: Annotated[int, Meta(ge=0, le=MAX_OVERLAP_S)] = 86_400
    expires_at: Timestamp | None = None


class IssuedKey(ApiKey, frozen=True, kw_only=True):
    """The answer: the only time that the key itself is shown."""

    key: str


class KeyList(Struct, frozen=True, kw_only=True):
    items: list[ApiKey]
    next: str | None = None
    seq: int
