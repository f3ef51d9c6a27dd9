"""Override: what an operator has said of an entity, which no automatic can beat (``summit.override/1``)."""

from typing import Any, Literal

from msgspec import Struct

from summit_core.model.common import Key, Name, Text, Timestamp

OverridableField = Literal["label", "class", "location", "labels", "aliases", "relations", "note", "expires_at"]


class OverriddenField(Struct, frozen=True, kw_only=True):
    """One field: the value that holds, who said so, when and why."""

    value: Any
    by: Name
    at: Timestamp
    reason: Text = ""


class Override(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that operators have said of the entity of the same ``id``. Lies over the entity wherever it is read,
    and is gone when its last part is taken back. ``merged_into``: this entity is the same thing as that one."""

    id: Key
    updated_at: Timestamp
    schema: Literal["summit.override/1"] = "summit.override/1"
    fields: dict[OverridableField, OverriddenField] = {}
    merged_into: Key | None = None
    merged_by: Name | None = None
    merged_at: Timestamp | None = None
    reason: Text = ""
