"""The loops of tasking: what assets answer, and a look at every open task several times a second."""

import asyncio
from typing import Final

import structlog
from msgspec.structs import replace
from prometheus_client import Counter
from summit_core import wire
from summit_core.audit.record import Actor, AuditRecord
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Change, Delivery, Mirror, consume
from summit_core.bus.streams import DEADLETTER_SUBJECT, TASKS
from summit_core.bus.world import TraceOf
from summit_core.clock import Clock
from summit_core.errors import InputError
from summit_core.ids import derived_id, new_id
from summit_core.model import DEFAULT_ORGANISATION, DeadLetter, Role, Task, TaskStatus
from summit_core.observability.health import HealthMonitor
from summit_core.observability.trace import TRACEPARENT
from summit_core.pace import changed

from summit_tasking.service import Tasking

log = structlog.get_logger(__name__)

FOLLOW: Final = "tasking"
"""Also the name of the durable consumer."""
LOOK: Final = "tasks"
LONGEST_PAUSE_S: Final = 0.25
SHORTEST_PAUSE_S: Final = 0.02
KEPT_BYTES: Final = 4096
STATUSES_REFUSED = Counter("summit_task_statuses_refused_total", "Task statuses refused, by reason", ["code"])


class Worker:
    """Looks when an incident or a task changes, and at least four times a second for the clock's sake."""

    def __init__(self, bus: Bus, mirror: Mirror, service: Tasking, health: HealthMonitor, clock: Clock) -> None:
        self._bus, self._mirror, self._service, self._health, self._clock = bus, mirror, service, health, clock
        self._changed = asyncio.Event()
        mirror.listen(self._notice)
        health.expect(FOLLOW)
        health.expect(LOOK)

    async def follow(self) -> None:
        """Take in the statuses of all assets."""
        await self._mirror.ready.wait()
        await consume(self._bus, TASKS, FOLLOW, self._take, self._health, subject="tasks.*.status")

    async def look(self) -> None:
        """Follow the picture and the clock."""
        await self._mirror.ready.wait()
        while True:
            self._changed.clear()
            await self._service.look()
            self._health.beat(LOOK)
            await changed(self._changed, shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S)

    async def _take(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            asset = delivery.subject.split(".")[1]
            try:
                await self._service.take(asset, wire.decode(delivery.data, TaskStatus))
            except InputError as error:
                await self._refuse(delivery, asset, error)

    async def _refuse(self, delivery: Delivery, asset: str, error: InputError) -> None:
        """A dead letter, counted. Its id is of its place in the stream: the same letter when it comes again, and two
        letters when the same nonsense is said twice in a millisecond."""
        STATUSES_REFUSED.labels(code=error.code.value).inc()
        log.warning("task status refused", asset=asset, code=error.code.value, error=error.detail)
        letter = DeadLetter(
            organisation=self._mirror.owner("entities", asset),
            id=derived_id(delivery.timestamp, TASKS, str(delivery.seq)),
            at=self._clock.now(),
            door="mqtt",
            subject=delivery.subject[:200],
            code=error.code.value,
            message=error.detail[:4000],
            size=len(delivery.data),
            payload=delivery.data[:KEPT_BYTES],
            field=error.field,
            source=asset,
        )
        await self._bus.publish(f"{DEADLETTER_SUBJECT}.mqtt", wire.encode(letter), msg_id=letter.id)

    def _notice(self, change: Change) -> None:
        if change.event.type != "entities":
            self._changed.set()


class Dispatcher:
    """Publishes a task where its asset listens, by MQTT or NATS. The audit knows of it first, and then what came of it:
    this is what a person's approval leads to."""

    def __init__(self, bus: Bus, written: TraceOf, trail: Trail, clock: Clock) -> None:
        self._bus, self._written, self._trail, self._clock = bus, written, trail, clock

    async def __call__(self, task: Task) -> None:
        intent = AuditRecord(
            id=new_id(),
            at=self._clock.now(),
            service=FOLLOW,
            action="dispatch task",
            outcome="intended",
            organisation=task.organisation or DEFAULT_ORGANISATION,
            principal=Actor(id=FOLLOW, name=FOLLOW, role=Role.SERVICE),
            object_type="tasks",
            object=task.id,
            plan_hash=task.plan_hash,
            reason=f"dispatch {task.dispatches} to {task.asset}, by {', '.join(task.approvals)}",
        )
        await self._trail.write(intent)
        trace = self._written((task.id,))
        await self._bus.publish(
            f"tasks.{task.asset}.dispatch",
            wire.encode(task),
            msg_id=f"{task.id}-{task.dispatches}",
            headers={TRACEPARENT: trace} if trace else None,
        )
        done = replace(intent, id=new_id(), at=self._clock.now(), outcome="done", intent=intent.id)
        await self._trail.settle(done)
