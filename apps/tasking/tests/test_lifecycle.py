"""The table of states: whatever assets, people and clocks do, in any order and repeated."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from summit_core.errors import InternalError
from summit_core.model import Plan, Task, TaskState, TaskStatus, Waypoint
from summit_tasking.plan import tasks
from summit_tasking.plan.lifecycle import NEXT, Deadlines, allowed

if TYPE_CHECKING:
    from .conftest import Make

NOW = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)
LIMITS = Deadlines()
SAID = ("received", "accepted", "executing", "done", "refused", "failed")
ORDER = list(TaskState)

steps = st.lists(st.tuples(st.sampled_from(SAID), st.floats(0.0, 40.0), st.floats(0.0, 1.0)), max_size=25)


def task_in(state: TaskState) -> Task:
    plan = Plan(
        waypoints=(Waypoint(lat=39.8, lon=-121.4),), distance_m=4000.0, duration_s=200.0, arrive_s=70.0, reserve=0.9
    )
    limit = LIMITS.of(state, plan)
    return Task(
        id="tsk-1",
        kind="investigate",
        title="look",
        state=state,
        asset="drone-1",
        plan=plan,
        plan_hash="0" * 64,
        risk="medium",
        proposed_at=NOW,
        updated_at=NOW,
        deadline_at=NOW + limit if limit else None,
    )


def test_the_table_is_whole_and_final_states_end() -> None:
    assert set(NEXT) == set(TaskState)
    assert {state for state, following in NEXT.items() if not following} == {s for s in TaskState if s.final}
    assert set(SAID) < {state.value for state in TaskState}


@given(st.sampled_from(list(TaskState)), steps)
def test_any_order_of_answers_moves_forward_only(start: TaskState, said: list[tuple[str, float, float]]) -> None:
    task, now = task_in(start), NOW
    for state, wait, progress in said:
        now += timedelta(seconds=wait)
        status = TaskStatus(task="tsk-1", state=state, at=now, progress=progress)  # type: ignore[arg-type]  # a Literal
        after = tasks.answered(task, status, now, LIMITS)
        if after is None:
            continue
        assert after.state is task.state is TaskState.EXECUTING or after.state in NEXT[task.state]
        assert ORDER.index(after.state) >= ORDER.index(task.state) and after.progress >= task.progress
        assert tasks.answered(after, status, now, LIMITS) is None, "the same answer again changes nothing"
        task = after
    if start.final or start in {TaskState.PROPOSED, TaskState.APPROVED}:
        assert task == task_in(start), "nothing that an asset says decides, dispatches or revives a task"


@given(st.sampled_from(list(TaskState)), st.sampled_from(list(TaskState)))
def test_a_step_outside_the_table_is_refused(present: TaskState, wanted: TaskState) -> None:
    if allowed(present, wanted):
        assert tasks.moved(task_in(present), wanted, "x", NOW, LIMITS).state is wanted
    else:
        with pytest.raises(InternalError):
            tasks.moved(task_in(present), wanted, "x", NOW, LIMITS)


@pytest.mark.parametrize(
    ("state", "seconds", "end", "says"),
    [
        (TaskState.PROPOSED, 900.0, TaskState.EXPIRED, "Nobody decided in time"),
        (TaskState.DISPATCHED, 30.0, TaskState.TIMED_OUT, "No answer from drone-1 to 0 dispatches"),
        (TaskState.RECEIVED, 10.0, TaskState.TIMED_OUT, "No end of received in time"),
        (TaskState.ACCEPTED, 30.0, TaskState.TIMED_OUT, "No end of accepted in time"),
        (TaskState.EXECUTING, 420.0, TaskState.TIMED_OUT, "No end of executing in time"),
    ],
)
def test_each_step_has_its_deadline(state: TaskState, seconds: float, end: TaskState, says: str) -> None:
    task = task_in(state)
    assert tasks.overdue(task, None, NOW + timedelta(seconds=seconds - 0.1), LIMITS) is None
    late = tasks.overdue(task, None, NOW + timedelta(seconds=seconds), LIMITS)
    assert late is not None and late.state is end and says in late.note


def test_progress_is_written_once_a_second() -> None:
    task = task_in(TaskState.EXECUTING)
    status = TaskStatus(task="tsk-1", state="executing", at=NOW, progress=0.5)
    assert tasks.answered(task, status, NOW + timedelta(seconds=0.5), LIMITS) is None
    after = tasks.answered(task, status, NOW + timedelta(seconds=1), LIMITS)
    assert after is not None and after.progress == 0.5 and after.deadline_at == task.deadline_at


def test_telemetry_shows_what_a_lost_answer_did_not(make: "Make") -> None:
    task = task_in(TaskState.ACCEPTED)
    seen = tasks.watched(task, make.under_way(task), NOW, LIMITS)
    assert seen is not None and seen.state is TaskState.EXECUTING and "24 m/s" in seen.note
    assert tasks.watched(task, make.drone(), NOW, LIMITS) is None


def test_a_silent_asset_is_noted_once_and_the_deadline_keeps_counting(make: "Make") -> None:
    task = task_in(TaskState.EXECUTING)
    silent = tasks.watched(task, make.drone(freshness="lost"), NOW, LIMITS)
    assert silent is not None and silent.note == "drone-1 is silent" and silent.deadline_at == task.deadline_at
    assert tasks.watched(replace(silent, note="61 %"), make.drone(freshness="lost"), NOW, LIMITS) is None
    back = tasks.watched(silent, make.under_way(task), NOW, LIMITS)
    assert back is not None and back.timeline[-1].what == "drone-1 is heard again"
    assert tasks.watched(back, make.under_way(task), NOW, LIMITS) is None


def test_an_asset_that_comes_back_without_its_task_is_noted_once(make: "Make") -> None:
    task = task_in(TaskState.EXECUTING)
    silent = tasks.watched(task, None, NOW, LIMITS)
    assert silent is not None
    back = tasks.watched(silent, make.drone(), NOW, LIMITS)
    assert back is not None and "does not say that it is on this task" in back.note
    assert tasks.watched(back, make.drone(), NOW, LIMITS) is None
