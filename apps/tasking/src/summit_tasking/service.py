"""Tasking: proposes, waits for a person, dispatches, follows, and says so when time runs out.

Everything that a timer needs stands in the task itself, so after a restart the next look continues where it was.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError, ErrorCode, ForbiddenError, InputError, NotFoundError
from summit_core.model import (
    Approval,
    Decision,
    Incident,
    IncidentState,
    Principal,
    Task,
    TaskState,
    TaskStatus,
)
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_tasking.plan import tasks
from summit_tasking.plan.lifecycle import WITH_ASSET, Deadlines, allowed
from summit_tasking.plan.proposal import outdated, propose
from summit_tasking.store import Store

log = structlog.get_logger(__name__)

Send = Callable[[Task], Awaitable[None]]
"""Hands a task to its asset; returns once the bus holds it."""

SETTLE: Final = timedelta(seconds=1)
"""An incident without its alert is half written; so long we wait for the other half."""
_ENDED: Final = frozenset({IncidentState.CLOSED, IncidentState.FALSE_ALARM})
_BY_PERSON: Final = frozenset({TaskState.REJECTED, TaskState.CANCELLED})
_BY_ASSET: Final = frozenset({TaskState.REFUSED, TaskState.FAILED, TaskState.TIMED_OUT})


class Tasking:
    """One lock around every change: people, assets and timers change the same tasks."""

    def __init__(self, store: Store, send: Send, clock: Clock, deadlines: Deadlines) -> None:
        self._store, self._send, self._clock, self._deadlines = store, send, clock, deadlines
        self._lock = asyncio.Lock()

    async def look(self) -> None:
        """One round: finish what was decided, move what is due, propose what is missing."""
        async with self._lock:
            for approval in self._store.undone_approvals():
                await self._finish(approval)
            for task in list(self._store.open.values()):
                await self._advance(task)
            for incident in list(self._store.suspected.values()):
                await self._propose(incident)

    async def decide(self, key: str, decision: Decision, plan_hash: str, reason: str, person: Principal) -> Task:
        """A person approves or rejects the very plan that they saw. The same decision again is the same answer."""
        require(person, Permission.APPROVE)
        async with self._lock:
            task = self._task(key, person, Permission.APPROVE)
            if decision is Decision.APPROVE and tasks.proposer(task) in {person.id, person.name}:
                raise ForbiddenError("who proposed a task may not approve it; ask another commander")
            approval_id = tasks.short_id("apr", key, plan_hash, person.id, decision.value)
            if approval_id in task.approvals:
                return task
            task = await self._revise(task)
            if task.state is not TaskState.PROPOSED:
                raise ConflictError(f"the task is {task.state}; only a proposed task can be decided")
            if plan_hash != task.plan_hash:
                raise ConflictError(
                    "the plan has changed since you saw it; read the task again and decide on the new plan",
                    code=ErrorCode.PLAN_CHANGED,
                    field="plan_hash",
                )
            now = self._clock.now()
            approval = Approval(
                id=approval_id,
                task=key,
                decision=decision,
                by=person.name,
                role=person.role,
                plan_hash=plan_hash,
                at=now,
                reason=reason,
                organisation=task.organisation,
                causes=task.causes,  # not the task: it will name this approval among its own causes
            )
            if self._store.approval(approval_id) is None:
                await self._store.put("approvals", approval, at=now)
            log.info("task decided", task=key, decision=decision.value, by=person.id)
            return await self._put(tasks.decided(task, approval, now, self._deadlines))

    async def cancel(self, key: str, reason: str, person: Principal) -> Task:
        """A person calls the task off, at any time before its end. There is no recall message to an asset yet."""
        require(person, Permission.OPERATE)
        async with self._lock:
            task = self._task(key, person, Permission.OPERATE)
            if task.state is TaskState.CANCELLED:
                return task
            if not allowed(task.state, TaskState.CANCELLED):
                raise ConflictError(f"the task is {task.state}; it has ended")
            what = f"Cancelled: {reason}"
            if task.state in WITH_ASSET:
                what += f". {task.asset} has the task and is not recalled by this: call its pilot"
            return await self._move(task, TaskState.CANCELLED, what, by=person.name)

    async def take(self, asset: str, status: TaskStatus) -> None:
        """An asset answers. Raises when the task is not known, or is another asset's."""
        async with self._lock:
            task = self._store.tasks.get(status.task)
            if task is None:
                raise InputError(f"task: no task {status.task}", field="task")
            if task.asset != asset:
                raise InputError(
                    f"task: {task.id} belongs to {task.asset}, not to {asset}",
                    code=ErrorCode.SOURCE_MISMATCH,
                    field="task",
                )
            after = tasks.answered(task, status, self._clock.now(), self._deadlines)
            if after is not None:
                await self._put(after)

    async def _advance(self, task: Task) -> None:
        now = self._clock.now()
        asset = self._store.assets.get(task.asset)
        late = tasks.overdue(task, asset, now, self._deadlines)
        if late is not None:
            log.warning("task ended by its deadline", task=task.id, state=late.state.value, note=late.note)
            await self._put(late)
        elif task.state is TaskState.PROPOSED:
            await self._revise(task)
        elif tasks.is_due(task, now, self._deadlines):
            # written first: if we die before it is sent, the repetition sends it
            await self._send(await self._put(tasks.dispatched(task, now, self._deadlines)))
        elif seen := tasks.watched(task, asset, now, self._deadlines):
            await self._put(seen)

    async def _revise(self, task: Task) -> Task:
        """The proposed task as it stands now: planned anew, withdrawn, expired, or as it was."""
        if task.state is not TaskState.PROPOSED:
            return task
        now = self._clock.now()
        asset, incident = self._store.assets.get(task.asset), self._store.incident(task.incident)
        if late := tasks.overdue(task, asset, now, self._deadlines):
            return await self._put(late)
        if incident is not None and incident.state in _ENDED:
            return await self._move(task, TaskState.CANCELLED, f"The incident is {incident.state.value}")
        busy = self._unavailable(task.incident or "", now, except_=task.id)
        why = outdated(task, asset, incident.location if incident else None, busy)
        if not why or incident is None:
            return task
        proposal = propose(incident, self._store.assets.values(), busy)
        if proposal is None:
            return await self._move(task, TaskState.EXPIRED, f"Withdrawn, because {why}, and no other asset can go")
        log.info("task planned anew", task=task.id, asset=proposal.asset, why=why)
        return await self._put(tasks.replanned(task, proposal, why, now))

    async def _propose(self, incident: Incident) -> None:
        now, earlier = self._clock.now(), self._store.tasks_of(incident.id)
        alert = self._store.alert_of(incident.id)
        if not self._wants_look(earlier, now) or (alert is None and now - incident.opened_at < SETTLE):
            return
        proposal = propose(incident, self._store.assets.values(), self._unavailable(incident.id, now))
        if proposal is None:
            return
        causes = (incident.id, alert) if alert else (incident.id,)
        task = tasks.proposed(incident, proposal, len(earlier) + 1, causes, now, self._deadlines)
        await self._put(task)
        log.info("task proposed", task=task.id, incident=incident.id, asset=task.asset)

    def _wants_look(self, earlier: list[Task], now: datetime) -> bool:
        """Nobody is looking or has looked, and no person has just said no, or nothing at all."""
        if any(not task.state.final or task.state is TaskState.DONE for task in earlier):
            return False
        return not any(_by_person(task) and self._is_recent(task, now) for task in earlier)

    def _unavailable(self, incident: str, now: datetime, except_: str = "") -> dict[str, str]:
        """Assets with an open task, and those that have just not done this one."""
        reasons = {
            task.asset: f"it has just ended {task.id} as {task.state.value}"
            for task in self._store.tasks_of(incident)
            if task.state in _BY_ASSET and self._is_recent(task, now)
        }
        busy = {task.asset: f"it is busy with {task.id}" for task in self._store.open.values() if task.id != except_}
        return reasons | busy

    def _is_recent(self, task: Task, now: datetime) -> bool:
        return now - task.updated_at < timedelta(seconds=self._deadlines.again_s)

    async def _finish(self, approval: Approval) -> None:
        task = self._store.tasks.get(approval.task)
        if task is None or task.state is not TaskState.PROPOSED or task.plan_hash != approval.plan_hash:
            return
        await self._put(tasks.decided(task, approval, self._clock.now(), self._deadlines))

    async def _move(self, task: Task, state: TaskState, what: str, *, by: str = tasks.BY) -> Task:
        return await self._put(tasks.moved(task, state, what, self._clock.now(), self._deadlines, by=by))

    async def _put(self, task: Task) -> Task:
        return await self._store.put("tasks", task, at=task.updated_at)

    def _task(self, key: str, person: Principal, permission: Permission) -> Task:
        self._store.check_ready()
        task = self._store.tasks.get(key)
        if task is None:
            raise NotFoundError(f"no task {key}")
        require(person, permission, task, called=f"no task {key}")
        return task


def _by_person(task: Task) -> bool:
    """A person ended it, or let it expire: the same question again at once is no help. A withdrawn one is not meant."""
    until = task.approve_before
    unanswered = task.state is TaskState.EXPIRED and until is not None and task.updated_at >= until
    return task.state in _BY_PERSON or unanswered
