"""Routes by which operators change the world model: own entities, overrides, merge and split."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType, field
from summit_core.model import Alias, Entity, EntityDraft, EntityKind, Location, MergeInto, Relation, Split
from summit_core.model.common import Name, Text, Timestamp
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import Passed

_OPERATE: Final = Permission.OPERATE
_ONE: Final = "/v1/entities/{id}"


class EntityPatch(Struct, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396); null takes a member, or an override, back. ``kind``, ``observed_at`` and
    ``expires_at`` only of an entity that people made; ``reason`` is why, and is kept."""

    label: Name | UnsetType | None = UNSET
    class_: Name | UnsetType | None = field(default=UNSET, name="class")
    location: Location | UnsetType | None = UNSET
    labels: tuple[Name, ...] | UnsetType | None = UNSET
    aliases: tuple[Alias, ...] | UnsetType | None = UNSET
    relations: tuple[Relation, ...] | UnsetType | None = UNSET
    note: Text | UnsetType | None = UNSET
    kind: EntityKind | UnsetType = UNSET
    observed_at: Timestamp | UnsetType = UNSET
    expires_at: Timestamp | UnsetType | None = UNSET
    reason: Text = ""


ROUTES: Final = (
    Passed(
        *("fabric", "POST", "/v1/entities", "Make an entity that no device reports", Entity),
        permission=_OPERATE,
        body=EntityDraft,
        status=201,
        once=True,
    ),
    Passed(
        "fabric",
        "PATCH",
        _ONE,
        "Change an entity, or override a field (If-Match)",
        Entity,
        _OPERATE,
        EntityPatch,
        condition=True,
    ),
    Passed(
        *("fabric", "DELETE", _ONE, "Take out an entity that people made (If-Match)", None),
        permission=_OPERATE,
        parameters=("reason",),
        condition=True,
        status=204,
    ),
    Passed(
        *("fabric", "DELETE", f"{_ONE}/overrides/{{field}}", "Give a field back to the automatic (If-Match)", Entity),
        permission=_OPERATE,
        parameters=("reason",),
        condition=True,
    ),
    Passed("fabric", "POST", f"{_ONE}/merge", "Declare an entity to be another one", Entity, _OPERATE, MergeInto),
    Passed("fabric", "POST", f"{_ONE}/split", "Take a merge back", Entity, _OPERATE, Split),
)
