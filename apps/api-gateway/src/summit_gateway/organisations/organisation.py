"""What is known of an organisation, and the request for one."""

from typing import Annotated

from msgspec import Meta, Struct
from summit_core.model.common import Key, Timestamp

from summit_gateway.keys.key import IssuedKey


class Organisation(Struct, frozen=True, kw_only=True):
    id: Key
    name: str
    created_at: Timestamp
    created_by: str


class NewOrganisation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``id`` is what its objects and credentials carry, and never changes."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9\-]{0,39}$", description="lower case, digits, - (1 to 40)")]
    name: Annotated[str, Meta(min_length=1, max_length=200)]


class MadeOrganisation(Struct, frozen=True, kw_only=True):
    """The answer: with the key of its first administrator, who makes all others. The only time that it is shown."""

    organisation: Organisation
    key: IssuedKey


class OrganisationList(Struct, frozen=True, kw_only=True):
    items: list[Organisation]
    next: str | None = None
    seq: int
