"""Override: what operators have said of an entity, which no automatic can beat (``summit.override/1``)."""

from typing import Any, Literal

from msgspec import Struct

from summit_core.model.common import Key, Name, Organisation, Text, TimelineEntry, Timestamp
from summit_core.model.entity import Alias

OverridableField = Literal["label", "class", "location", "labels", "aliases", "relations", "note"]
"""By the name on the wire. How long an automatic entity lives is its owner's business, so ``expires_at`` is not one."""


class OverriddenField(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field: the value that holds, who said so, when and why."""

    value: Any
    by: Name
    at: Timestamp
    reason: Text = ""


class Merge(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """This entity is the same thing as ``into``, as a person has declared; ``aliases`` and ``sources`` are what it had
    at that time, and what the other one shows as its own for as long as the merge holds."""

    into: Key
    by: Name
    at: Timestamp
    reason: Text = ""
    aliases: tuple[Alias, ...] = ()
    sources: tuple[str, ...] = ()


class Override(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that operators have said of the entity of the same ``id``; it lies over the entity wherever that is
    read. Empty when all of it was taken back: it stays with the entity for its ``timeline``, and so that the version of
    the entity never goes back."""

    id: Key
    updated_at: Timestamp
    schema: Literal["summit.override/1"] = "summit.override/1"
    fields: dict[OverridableField, OverriddenField] = {}
    merge: Merge | None = None
    absorbed: dict[Key, Merge] = {}
    """The merges that end here, also through others: what each merged entity said when it was merged."""
    timeline: tuple[TimelineEntry, ...] = ()
    organisation: Organisation = None


class MergeInto(Struct, frozen=True, forbid_unknown_fields=True):
    """The request: this entity is the same thing as ``into``."""

    into: Key
    reason: Text = ""


class Split(Struct, frozen=True, forbid_unknown_fields=True):
    """The request: it is a thing of its own after all."""

    reason: Text = ""
