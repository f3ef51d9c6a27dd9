"""Registration: a source, node or asset that we know by name, and the state of its link (``summit.registration/1``)."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from summit_core.model.common import Key, Name, Text, Timestamp


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


class Registration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``node``: the node through which it speaks, if it has no link of its own."""

    id: Key
    kind: Literal["source", "node", "asset"]
    label: Name
    registered_at: Timestamp
    updated_at: Timestamp
    by: Name
    schema: Literal["summit.registration/1"] = "summit.registration/1"
    class_: Name | None = field(default=None, name="class")
    node: Key | None = None
    expected_interval_s: Annotated[float, Meta(gt=0.0, le=1e7)] | None = None
    link: Link = Link.NEVER
    link_since: Timestamp | None = None
    credentials: tuple[Credential, ...] = ()
    denied: Annotated[int, Meta(ge=0)] = 0
    """Publishes outside its permission that the broker dropped."""
    note: Text = ""
