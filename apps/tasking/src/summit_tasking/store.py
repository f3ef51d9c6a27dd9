"""The world as tasking sees it, and its own part of it: tasks and approvals. All of it lives in the world stream; here
is only the mirror of it and an index. What was written is read back at once."""

from datetime import datetime
from typing import Final, Literal, TypeVar

import msgspec
from summit_core.bus import Change, Mirror, WorldWriter
from summit_core.model import Alert, Approval, Entity, Incident, IncidentState, Task, WorldEvent, WorldType

TYPES: Final[tuple[WorldType, ...]] = ("entities", "incidents", "alerts", "tasks", "approvals")
OwnType = Literal["tasks", "approvals"]
T = TypeVar("T", Task, Approval)


class _Kind(msgspec.Struct):
    kind: str


_kind_of = msgspec.json.Decoder(_Kind).decode


class Store:
    """Reads from the mirror; writes one object at a time, each under the version that it replaces."""

    def __init__(self, mirror: Mirror, writer: WorldWriter) -> None:
        self._mirror, self._writer = mirror, writer
        self.assets: dict[str, Entity] = {}
        self.suspected: dict[str, Incident] = {}
        self.tasks: dict[str, Task] = {}
        self.open: dict[str, Task] = {}
        self._by_incident: dict[str, list[str]] = {}
        self._alerts: dict[str, str] = {}
        self._pending: dict[str, Approval] = {}
        mirror.listen(self._take_in)

    def check_ready(self) -> None:
        """Raise :class:`UnavailableError` until the mirror has read the world stream to its end."""
        self._mirror.check_ready()

    def incident(self, key: str | None) -> Incident | None:
        return self._mirror.find("incidents", key, Incident) if key else None

    def approval(self, key: str) -> Approval | None:
        return self._mirror.find("approvals", key, Approval)

    def undone_approvals(self) -> list[Approval]:
        """Decisions that were written although their task was not: we died in between."""
        return list(self._pending.values())

    def tasks_of(self, incident: str) -> list[Task]:
        """Every task for the incident, oldest first."""
        found = (self.tasks[key] for key in self._by_incident.get(incident, ()))
        return sorted(found, key=lambda task: task.proposed_at)

    def alert_of(self, incident: str) -> str | None:
        return self._alerts.get(incident)

    def version(self, type_: OwnType, key: str) -> int:
        """The version of an object; 0 where there is none."""
        change = self._mirror.changes(type_).get(key)
        return change.seq if change else 0

    async def put(self, type_: OwnType, body: T, *, at: datetime) -> T:
        """Write the object, if it is still the one that we read."""
        expected, causes = self.version(type_, body.id), body.causes
        change = await self._writer.put(type_, body.id, body, at=at, causes=causes, expected=expected)
        self._mirror.apply(change)
        return body

    def _take_in(self, change: Change) -> None:
        event = change.event
        if event.type == "entities":
            self._take_entity(event)
        elif event.op == "delete":
            self.suspected.pop(event.key, None)
        elif event.type == "incidents":
            self._take_incident(msgspec.json.decode(event.body, type=Incident))
        elif event.type == "alerts":
            alert = msgspec.json.decode(event.body, type=Alert)
            if alert.incident:
                self._alerts[alert.incident] = alert.id
        elif event.type == "tasks":
            self._take_task(msgspec.json.decode(event.body, type=Task))
        elif event.type == "approvals":
            self._take_approval(msgspec.json.decode(event.body, type=Approval))

    def _take_entity(self, event: WorldEvent) -> None:
        """Tracks are many and none of our business, so only the kind of each is looked at."""
        if event.op == "delete":
            self.assets.pop(event.key, None)
        elif _kind_of(event.body).kind == "asset":
            self.assets[event.key] = msgspec.json.decode(event.body, type=Entity)

    def _take_incident(self, incident: Incident) -> None:
        if incident.state is IncidentState.SUSPECTED:
            self.suspected[incident.id] = incident
        else:
            self.suspected.pop(incident.id, None)

    def _take_task(self, task: Task) -> None:
        if task.id not in self.tasks and task.incident:
            self._by_incident.setdefault(task.incident, []).append(task.id)
        self.tasks[task.id] = task
        for key in task.approvals:
            self._pending.pop(key, None)
        if task.state.final:
            self.open.pop(task.id, None)
        else:
            self.open[task.id] = task

    def _take_approval(self, approval: Approval) -> None:
        task = self.tasks.get(approval.task)
        if task is None or approval.id not in task.approvals:
            self._pending[approval.id] = approval
