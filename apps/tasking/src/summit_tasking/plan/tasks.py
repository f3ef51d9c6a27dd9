"""A task's changes: from proposal to its end. Pure: each returns the new task, or None when nothing changes."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from summit_core.errors import InternalError
from summit_core.model import Approval, Decision, Entity, Incident, Task, TaskState, TaskStatus, TimelineEntry

from summit_tasking.plan.lifecycle import WITH_ASSET, Deadlines, allowed
from summit_tasking.plan.proposal import Proposal

BY: Final = "tasking"
PROGRESS_EVERY: Final = timedelta(seconds=1)
MOVING_MPS: Final = 1.0


def short_id(prefix: str, *parts: str) -> str:
    """The same parts give the same id, so that a repeated cause finds what it made before."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
    return f"{prefix}-{digest}"


def proposed(
    incident: Incident, proposal: Proposal, attempt: int, causes: Sequence[str], now: datetime, deadlines: Deadlines
) -> Task:
    """The ``attempt``-th task for the incident, waiting for a person."""
    until = now + timedelta(seconds=deadlines.decide_s)
    entry = TimelineEntry(at=now, what=f"Proposed: {proposal.rationale[0].text}", by=BY, causes=tuple(causes))
    return Task(
        id=short_id("tsk", incident.id, str(attempt)),
        kind=proposal.kind,
        title=proposal.title,
        state=TaskState.PROPOSED,
        asset=proposal.asset,
        plan=proposal.plan,
        plan_hash=proposal.plan_hash,
        risk=proposal.risk,
        proposed_at=now,
        updated_at=now,
        incident=incident.id,
        target=proposal.target,
        rationale=proposal.rationale,
        approve_before=until,
        deadline_at=until,
        timeline=(entry,),
        causes=tuple(causes),
        organisation=incident.organisation,
    )


def proposer(task: Task) -> str:
    """Who wanted it; nobody decides alone."""
    return task.timeline[0].by if task.timeline else BY


def replanned(task: Task, proposal: Proposal, why: str, now: datetime) -> Task:
    """The proposed task on its new plan: an approval of the old one no longer counts."""
    what = f"Planned anew, because {why}: {proposal.rationale[0].text}"
    return replace(
        task,
        title=proposal.title,
        asset=proposal.asset,
        plan=proposal.plan,
        plan_hash=proposal.plan_hash,
        risk=proposal.risk,
        target=proposal.target,
        rationale=proposal.rationale,
        updated_at=now,
        timeline=_with(task, what, BY, now),
    )


def decided(task: Task, approval: Approval, now: datetime, deadlines: Deadlines) -> Task:
    """The task after a person's decision."""
    approve = approval.decision is Decision.APPROVE
    what = f"{'Approved' if approve else 'Rejected'}{f': {approval.reason}' if approval.reason else ''}"
    task = replace(
        task, approvals=(*task.approvals, approval.id), causes=tuple(dict.fromkeys((*task.causes, approval.id)))
    )
    state = TaskState.APPROVED if approve else TaskState.REJECTED
    return moved(task, state, what, now, deadlines, by=approval.by, causes=(approval.id,))


def moved(
    task: Task,
    state: TaskState,
    what: str,
    now: datetime,
    deadlines: Deadlines,
    *,
    by: str = BY,
    causes: tuple[str, ...] = (),
) -> Task:
    """The task in its next state, with that state's deadline. Raises when the table does not allow the step."""
    if not allowed(task.state, state):
        raise InternalError(f"{task.id}: {task.state} → {state} is not in the table")
    limit = deadlines.of(state, task.plan)
    return replace(
        task,
        state=state,
        updated_at=now,
        deadline_at=now + limit if limit else None,
        progress=1.0 if state is TaskState.DONE else task.progress,
        note=what,
        timeline=_with(task, what, by, now, causes),
    )


def answered(task: Task, status: TaskStatus, now: datetime, deadlines: Deadlines) -> Task | None:
    """The task after its asset's answer. Late, repeated and overtaken answers change nothing; progress counts at most
    once a second."""
    state = TaskState(status.state)
    if state is task.state is TaskState.EXECUTING:
        progress = max(task.progress, status.progress or 0.0)
        if progress == task.progress or now - task.updated_at < PROGRESS_EVERY:
            return None
        return replace(task, progress=progress, note=status.note or task.note, updated_at=now)
    if not allowed(task.state, state):
        return None
    told = f": {status.note}" if status.note else ""
    after = moved(task, state, f"{task.asset} says {state.value}{told}", now, deadlines, by=task.asset)
    return replace(after, note=status.note or after.note, progress=max(after.progress, status.progress or 0.0))


def dispatched(task: Task, now: datetime, deadlines: Deadlines) -> Task:
    """The task as it goes out, for the first time or again."""
    if task.state is TaskState.APPROVED:
        task = moved(task, TaskState.DISPATCHED, f"Sent to {task.asset}", now, deadlines)
    return replace(task, dispatches=task.dispatches + 1, updated_at=now)


def is_due(task: Task, now: datetime, deadlines: Deadlines) -> bool:
    """It has to go out: it never did, or the asset has not answered for a while."""
    if task.state is TaskState.APPROVED:
        return True
    return task.state is TaskState.DISPATCHED and now - task.updated_at >= timedelta(seconds=deadlines.repeat_s)


def overdue(task: Task, asset: Entity | None, now: datetime, deadlines: Deadlines) -> Task | None:
    """The task after its deadline: expired without a decision, else timed out, with what was last heard."""
    if task.state.final or task.deadline_at is None or now < task.deadline_at:
        return None
    if task.state is TaskState.PROPOSED:
        return moved(task, TaskState.EXPIRED, "Nobody decided in time", now, deadlines)
    heard = f"{task.asset} was last heard at {asset.heard_at:%H:%M:%S} UTC" if asset else f"{task.asset} is not known"
    if task.state in {TaskState.APPROVED, TaskState.DISPATCHED}:
        what = f"No answer from {task.asset} to {task.dispatches} dispatches; {heard}"
    else:
        what = f"No end of {task.state.value} in time; its last word: {task.note or task.state.value}; {heard}"
    return moved(task, TaskState.TIMED_OUT, what, now, deadlines)


def watched(task: Task, asset: Entity | None, now: datetime, deadlines: Deadlines) -> Task | None:
    """The task after a look at the asset's telemetry: it is on its way although its answer was lost, or it is silent.
    The deadline keeps counting while it is silent. One that comes back may have forgotten the task (a restart)."""
    if task.state not in WITH_ASSET:
        return None
    silent = asset is None or asset.freshness in {"lost", "expired"}
    said, again = f"{task.asset} is silent", f"{task.asset} is heard again"
    forgot = f"{again}, but does not say that it is on this task: ask its pilot"
    last = next((entry.what for entry in reversed(task.timeline) if entry.what in {said, again, forgot}), again)
    if silent:
        return None if last == said else _noted(task, said, now)
    if last == said:
        return _noted(task, again if asset and asset.task == task.id else forgot, now)
    if asset is None or task.state is TaskState.EXECUTING or asset.task != task.id:
        return None
    speed = asset.kinematics.speed_mps if asset.kinematics else None
    if speed is None or speed < MOVING_MPS:
        return None
    what = f"Telemetry of {task.asset} shows it under way at {speed:.0f} m/s"
    return moved(task, TaskState.EXECUTING, what, now, deadlines, causes=(task.asset,))


def _noted(task: Task, what: str, now: datetime) -> Task:
    return replace(task, note=what, updated_at=now, timeline=_with(task, what, BY, now))


def _with(task: Task, what: str, by: str, now: datetime, causes: tuple[str, ...] = ()) -> tuple[TimelineEntry, ...]:
    return (*task.timeline, TimelineEntry(at=now, what=what, by=by, causes=causes))
