"""Registration: a source, node or asset that we know by name, and the state of its link (``summit.registration/1``)."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from summit_core.model.common import Key, Name, Organisation, Text, Timestamp

RegistrationKind = Literal["source", "node", "asset"]
Interval = Annotated[float, Meta(gt=0.0, le=1e7, description="seconds between two messages")]
Overlap = Annotated[float, Meta(ge=0.0, le=30 * 86400.0, description="seconds; at most 30 days")]


class Link(StrEnum):
    """``online``: heard in time; ``stale``: late; ``offline``: last will, or silent too long; ``never``: not yet."""

    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER = "never"


class Credential(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a credential without its secret. While it is rotated two hold for a while."""

    id: Key
    issued_at: Timestamp
    issued_by: Name
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None


class Denial(Struct, frozen=True, kw_only=True):
    """The last publish that the broker dropped."""

    at: Timestamp
    subject: Name


class Registration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``node``: the node through which it speaks, if it has no link of its own. ``link_reason`` says why not online."""

    id: Key
    kind: RegistrationKind
    label: Name
    registered_at: Timestamp
    updated_at: Timestamp
    by: Name
    link: Link
    schema: Literal["summit.registration/1"] = "summit.registration/1"
    class_: Name | None = field(default=None, name="class")
    node: Key | None = None
    expected_interval_s: Interval | None = None
    link_since: Timestamp | None = None
    link_reason: Text = ""
    credentials: tuple[Credential, ...] = ()
    denied: Annotated[int, Meta(ge=0)] = 0
    """Publishes outside its permission that the broker dropped."""
    last_denial: Denial | None = None
    organisation: Organisation = None
    note: Text = ""


class NewRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request to register. ``credential``: issue one; it is so unless the thing speaks through a node."""

    id: Key
    kind: RegistrationKind = "source"
    label: Name = ""
    class_: Name | None = field(default=None, name="class")
    node: Key | None = None
    expected_interval_s: Interval | None = None
    credential: bool | None = None
    expires_at: Timestamp | None = None
    note: Text = ""


class RegistrationChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request to change one: what is absent stays, null takes away."""

    label: Name | UnsetType = UNSET
    class_: Name | UnsetType | None = field(default=UNSET, name="class")
    node: Key | UnsetType | None = UNSET
    expected_interval_s: Interval | UnsetType | None = UNSET
    note: Text | UnsetType = UNSET


class Rotate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request for a new credential; the old ones hold for ``overlap_s`` more seconds."""

    overlap_s: Overlap = 86400.0
    expires_at: Timestamp | None = None


class Revoke(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request to end one credential, or all where none is named."""

    credential: Key | None = None


class Issued(Struct, frozen=True, kw_only=True):
    """The answer to a registration and to a rotation: the only time that ``key``, the secret itself, is shown."""

    registration: Registration
    credential: Credential | None = None
    key: str | None = None
