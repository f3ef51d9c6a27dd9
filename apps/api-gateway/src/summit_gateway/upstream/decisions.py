"""Routes by which people decide: alerts, incidents, tasks."""

from typing import Final

from msgspec import Struct
from summit_core.model import Alert, Incident, IncidentState, Task
from summit_core.model.common import Text
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import Passed

_P: Final = Permission


class Acknowledge(Struct, frozen=True):
    note: Text = ""


class MoveIncident(Struct, frozen=True):
    state: IncidentState
    reason: Text


class Approve(Struct, frozen=True):
    plan_hash: str
    reason: Text = ""


class Reject(Struct, frozen=True):
    plan_hash: str
    reason: Text


class Cancel(Struct, frozen=True):
    reason: Text = ""


ROUTES: Final = (
    Passed("intelligence", "POST", "/v1/alerts/{id}/ack", "Acknowledge an alert", Alert, _P.OPERATE, Acknowledge),
    Passed("intelligence", "POST", "/v1/incidents/{id}/state", "Move an incident", Incident, _P.OPERATE, MoveIncident),
    Passed("tasking", "POST", "/v1/tasks/{id}/approve", "Approve the plan that was seen", Task, _P.APPROVE, Approve),
    Passed("tasking", "POST", "/v1/tasks/{id}/reject", "Reject a proposed task", Task, _P.APPROVE, Reject),
    Passed("tasking", "POST", "/v1/tasks/{id}/cancel", "Cancel a task", Task, _P.OPERATE, Cancel),
)
