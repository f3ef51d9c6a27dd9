"""X2: few may approve, a rejection exists and needs a reason, and a risk that nobody knows is refused.

That who proposed a task does not approve it is attacked in apps/tasking/tests/test_tasking.py.
"""

import json
from typing import Any

import pytest
from msgspec import Struct
from summit_core import wire
from summit_core.errors import ForbiddenError, InputError
from summit_core.model import Principal, Role, Task
from summit_core.security import decision
from summit_core.security.decision import require
from summit_core.security.permissions import GRANTS, Permission

APPROVERS = {Role.COMMANDER, Role.ADMINISTRATOR}
PEOPLE = ("viewer", "operator", "commander", "device")
TASK: dict[str, Any] = {
    "id": "tsk-1",
    "kind": "investigate",
    "title": "Look at the smoke",
    "state": "proposed",
    "asset": "drone-1",
    "plan": {"waypoints": [], "distance_m": 1.0, "duration_s": 1.0, "arrive_s": 1.0, "reserve": 0.5},
    "plan_hash": "0" * 64,
    "risk": "medium",
    "proposed_at": "2026-08-01T12:00:00Z",
    "updated_at": "2026-08-01T12:00:00Z",
}


def may_approve(role: Role) -> bool:
    try:
        require(Principal(id="p", name="p", role=role), Permission.APPROVE)
    except ForbiddenError:
        return False
    return True


def only_approvers_approve() -> bool:
    return {role for role in Role if may_approve(role)} == APPROVERS


def test_the_table_lets_commanders_and_administrators_approve_and_nobody_else() -> None:
    assert only_approvers_approve()


@pytest.mark.planted("operators who may approve")
def test_the_check_is_red_when_operators_may_approve(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = GRANTS | {Role.OPERATOR: GRANTS[Role.OPERATOR] | {Permission.APPROVE}}
    monkeypatch.setattr(decision, "GRANTS", wider)
    assert not only_approvers_approve()


def test_the_running_gateway_asks_that_table(stack: Any) -> None:
    statuses = {}
    for role in PEOPLE:
        made = json.loads(stack.ask("POST", "/v1/keys", {"name": f"x2-{role}", "role": role})[2])
        for verb in ("approve", "reject"):
            path, body = f"/v1/tasks/tsk-none/{verb}", {"plan_hash": "0" * 64, "reason": "why"}
            statuses[role, verb] = stack.ask("POST", path, body, key=made["key"])[0]
    assert {status for (role, _), status in statuses.items() if role == "commander"} == {404}, "there is no such task"
    assert {status for (role, _), status in statuses.items() if role != "commander"} == {403}


def test_a_rejection_needs_a_reason(stack: Any) -> None:
    status, _, body = stack.ask("POST", "/v1/tasks/tsk-none/reject", {"plan_hash": "0" * 64})
    assert (status, json.loads(body)["field"]) == (422, "reason")


def risks_taken(kind: type[Any]) -> list[Any]:
    """The risks that nobody knows and that are a task all the same; the others are refused by the field's name."""
    taken = []
    for risk in ("banana", "", None, 1):
        try:
            wire.decode(wire.encode(TASK | {"risk": risk}), kind)
        except InputError as error:
            assert error.field == "risk"
        else:
            taken.append(risk)
    return taken


def test_a_risk_that_nobody_knows_is_no_task() -> None:
    assert wire.decode(wire.encode(TASK), Task).risk == "medium"
    assert risks_taken(Task) == []


@pytest.mark.planted("a task whose risk is any text: banana is accepted")
def test_a_task_of_any_risk_is_noticed() -> None:
    class AnyRisk(Struct):
        risk: str

    assert risks_taken(AnyRisk) == ["banana", ""]
