"""Task and approval: what is asked of an asset, and the person who allowed it."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from summit_core.model.common import (
    Altitude,
    Confidence,
    Key,
    Latitude,
    Longitude,
    Name,
    Organisation,
    Role,
    Text,
    TimelineEntry,
    Timestamp,
)
from summit_core.model.entity import Location
from summit_core.model.operations import Evidence

TaskKind = Literal["investigate", "return"]


class TaskState(StrEnum):
    """``proposed → approved → dispatched → received → accepted → executing → done``; the others end it early."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DISPATCHED = "dispatched"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    EXECUTING = "executing"
    DONE = "done"
    REJECTED = "rejected"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        TaskState.DONE,
        TaskState.REJECTED,
        TaskState.REFUSED,
        TaskState.FAILED,
        TaskState.TIMED_OUT,
        TaskState.EXPIRED,
        TaskState.CANCELLED,
    }
)


class Waypoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place to pass; ``loiter_s`` is how long to stay there."""

    lat: Latitude
    lon: Longitude
    alt_m: Altitude | None = None
    loiter_s: float = 0.0


class Plan(Struct, frozen=True, kw_only=True):
    """How the asset would do it. ``reserve`` is the part of today's endurance that is left after the return."""

    waypoints: tuple[Waypoint, ...]
    distance_m: float
    duration_s: float
    arrive_s: float
    reserve: Confidence


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Approval(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's decision on one plan (``summit.approval/1``), bound to the hash of the plan that they saw."""

    id: Key
    task: Key
    decision: Decision
    by: Name
    role: Role
    plan_hash: str
    at: Timestamp
    schema: Literal["summit.approval/1"] = "summit.approval/1"
    reason: Text = ""
    causes: tuple[str, ...] = ()
    organisation: Organisation = None


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing asked of one asset (``summit.task/1``)."""

    id: Key
    kind: TaskKind
    title: Name
    state: TaskState
    asset: Key
    plan: Plan
    plan_hash: str
    risk: Literal["low", "medium", "high"]
    proposed_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.task/1"] = "summit.task/1"
    incident: Key | None = None
    target: Location | None = None
    rationale: tuple[Evidence, ...] = ()
    approvals: tuple[str, ...] = ()
    approve_before: Timestamp | None = None
    deadline_at: Timestamp | None = None
    """When the present step must have ended, else the task times out."""
    dispatches: Annotated[int, Meta(ge=0)] = 0
    progress: Confidence = 0.0
    note: Text = ""
    timeline: tuple[TimelineEntry, ...] = ()
    causes: tuple[str, ...] = ()
    organisation: Organisation = None


class TaskStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an asset answers on ``tasks/<asset>/status`` (``summit.task-status/1``)."""

    task: Key
    state: Literal["received", "accepted", "executing", "done", "refused", "failed"]
    at: Timestamp
    schema: Literal["summit.task-status/1"] = "summit.task-status/1"
    progress: Confidence | None = None
    note: Text = ""
