"""World event: one change of the world model. Their stream is the source of truth, its sequence is the version."""

from typing import Literal

from msgspec import Raw, Struct, field

from summit_core.model.common import Key, Organisation, Timestamp, Uuid
from summit_core.model.entity import Entity
from summit_core.model.operations import Advisory, Alert, Incident
from summit_core.model.override import Override
from summit_core.model.registration import Registration
from summit_core.model.task import Approval, Task
from summit_core.model.zone import Presence, Zone

WorldType = Literal[
    "entities",
    "incidents",
    "alerts",
    "advisories",
    "tasks",
    "approvals",
    "zones",
    "presences",
    "overrides",
    "registrations",
]
WorldObject = Entity | Incident | Alert | Advisory | Task | Approval | Zone | Presence | Override | Registration
WORLD_TYPES: dict[WorldType, type[WorldObject]] = {
    "entities": Entity,
    "incidents": Incident,
    "alerts": Alert,
    "advisories": Advisory,
    "tasks": Task,
    "approvals": Approval,
    "zones": Zone,
    "presences": Presence,
    "overrides": Override,
    "registrations": Registration,
}


def _nothing() -> Raw:
    return Raw(b"null")


class WorldEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``body`` is the whole new object as JSON (``upsert``), or empty when it left (``delete``)."""

    id: Uuid
    type: WorldType
    key: Key
    op: Literal["upsert", "delete"]
    source: str
    at: Timestamp
    schema: Literal["summit.world/1"] = "summit.world/1"
    reason: Literal["deleted", "expired", "merged"] | None = None
    """Of a ``delete``. ``merged`` is never written: it is how an entity leaves that an operator has merged."""
    trace: str | None = None
    causes: tuple[str, ...] = ()
    organisation: Organisation = None
    """Also of an object that left, so that nobody else learns that it was there."""
    body: Raw = field(default_factory=_nothing)
