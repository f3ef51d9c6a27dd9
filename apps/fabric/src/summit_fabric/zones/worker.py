"""Follows the world stream and writes each crossing once.

A presence is written under the version that it replaces, with an id derived from what it replaces, before the message
that caused it is acknowledged. So whatever a crash makes us see again is either judged already (the presence says up
to where), or is recognised by the broker as the same write.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec
import structlog
from msgspec import Struct, field
from nats.js.errors import NotFoundError
from summit_core.bus import Bus, Change, Delivery, Mirror, WorldWriter, consume
from summit_core.bus.effective import effective
from summit_core.bus.streams import WORLD
from summit_core.clock import Clock
from summit_core.errors import ConflictError, UnavailableError
from summit_core.model import EntityKind, Freshness, Location, Presence, WorldEvent, Zone
from summit_core.model.common import Timestamp
from summit_core.observability.health import HealthMonitor
from summit_core.observability.metrics import UNREADABLE

from summit_fabric.zones.hysteresis import sigma_of
from summit_fabric.zones.presence import Crossing, Held, Seen, Watch

log = structlog.get_logger(__name__)

WATCHER: Final = "fabric-zones"
"""Also the name of the durable consumer."""
TIMER: Final = "fabric-zones-timer"
TICK_S: Final = 1.0
GATHER_S: Final = 0.03
"""A crossing may be told so much later: entities that move come together."""
WRITES_AT_ONCE: Final = 200
ENTITIES: Final = "world.entities."
OVERRIDES: Final = "world.overrides."
ZONES: Final = "world.zones."


class _Body(Struct):
    """What zones need of an entity."""

    kind: EntityKind
    observed_at: Timestamp
    updated_at: Timestamp
    class_: str | None = field(default=None, name="class")
    freshness: Freshness = "live"
    location: Location | None = None
    recording: str | None = None
    organisation: str | None = None
    causes: tuple[str, ...] = ()


class _EntityEvent(Struct):
    key: str
    op: str
    at: Timestamp
    body: _Body | None = None


_entity_event = msgspec.json.Decoder(_EntityEvent).decode
_world_event = msgspec.json.Decoder(WorldEvent).decode
_body = msgspec.json.Decoder(_Body).decode


class ZoneWorker:
    """One instance watches all zones."""

    def __init__(self, bus: Bus, mirror: Mirror, writer: WorldWriter, clock: Clock, health: HealthMonitor) -> None:
        self._bus, self._mirror, self.writer, self._clock, self._health = bus, mirror, writer, clock, health
        self.watch: Watch | None = None
        self._overrides: dict[str, Change] = {}
        """What operators have said of entities, by entity."""
        self._turn = asyncio.Lock()
        mirror.on_reset.append(self._forget)

    async def run(self) -> None:
        """Follow until an error; run it under ``supervise``."""
        await self._mirror.ready.wait()
        if self.watch is None:
            self.watch = await self._take_up()
        subjects = [f"{prefix}*" for prefix in (ENTITIES, OVERRIDES, ZONES)]
        await consume(self._bus, WORLD, WATCHER, self.handle, self._health, subject=subjects, gather_s=GATHER_S)

    async def keep_time(self) -> None:
        """Each second, once everything in the stream is judged: schedules that turn, and what ended unseen."""
        while True:
            self._health.beat(TIMER)
            await asyncio.sleep(TICK_S)
            watch = self.watch
            if watch is None:
                continue
            async with self._turn:
                now = self._clock.now()
                due = watch.next_edge is not None and watch.next_edge <= now
                if (due or watch.orphans(now)) and await self._has_caught_up():
                    await self._turn_schedules(watch, now)
                    await self._write(watch, watch.orphans(now))

    async def handle(self, deliveries: list[Delivery]) -> None:
        """In the order of the stream, whose clock is ours: a schedule turns between the two messages it falls between,
        also when they are read hours later."""
        watch = self.watch
        if watch is None:
            raise UnavailableError("the world stream began anew; taking up the picture again")
        async with self._turn:
            until = deliveries[-1].timestamp
            for delivery in deliveries:
                if watch.next_edge is not None and watch.next_edge <= until and watch.next_edge <= delivery.timestamp:
                    await self._turn_schedules(watch, delivery.timestamp)
                seq = delivery.seq
                try:
                    await self._take(watch, delivery, seq)
                except msgspec.DecodeError as error:
                    UNREADABLE.inc()
                    log.warning("unreadable world event, passed over", seq=seq, error=str(error))
                watch.seq = seq

    async def _take_up(self) -> Watch:
        """The picture where the last process left it; what it had not acknowledged comes again."""
        watch = Watch(seq=await self._acknowledged())
        zones = await self._up_to(watch.seq, "zones")
        overrides = await self._up_to(watch.seq, "overrides")
        self._overrides = {change.event.key: change for change in overrides}
        watch.load(
            [msgspec.json.decode(change.event.body, type=Zone) for change in zones],
            [
                _seen(change.seq, change.event.key, _body(change.event.body))
                for change in self._mirror.changes("entities").values()
            ],
            [
                Held(msgspec.json.decode(change.event.body, type=Presence), change.seq)
                for change in self._mirror.changes("presences").values()
            ],
        )
        return watch

    async def _acknowledged(self) -> int:
        try:
            floor = (await self._bus.jetstream.consumer_info(WORLD, WATCHER)).ack_floor
        except NotFoundError:
            return 0
        return floor.stream_seq if floor else 0

    async def _up_to(self, seq: int, type_: Literal["zones", "overrides"]) -> list[Change]:
        """Objects as they stood at a place in the stream: what is to be judged next came before they were changed."""
        found = [change for change in self._mirror.changes(type_).values() if change.seq <= seq]
        for key in [key for key, change in self._mirror.changes(type_).items() if change.seq > seq]:
            if (then := await self._version_before(seq, f"world.{type_}.{key}")) is not None:
                found.append(then)
        return found

    async def _version_before(self, seq: int, subject: str) -> Change | None:
        found, start = None, 1
        while True:
            try:
                message = await self._bus.jetstream.get_msg(WORLD, start, subject=subject, next=True, direct=True)
            except NotFoundError:
                return found
            if message.seq is None or message.seq > seq:
                return found
            event = _world_event(message.data or b"")
            found = Change(message.seq, event) if event.op == "upsert" else None
            start = message.seq + 1

    async def _take(self, watch: Watch, delivery: Delivery, seq: int) -> None:
        if delivery.subject.startswith(ENTITIES):
            event = _entity_event(delivery.data)
            if event.key in self._overrides:
                await self._see(watch, Change(seq, _world_event(delivery.data)), self._overrides[event.key])
            elif event.body is None:
                await self._gone(watch, event.key, seq, event.at)
            elif crossings := watch.see(_seen(seq, event.key, event.body)):
                await self._write(watch, crossings)
            return
        change = Change(seq, _world_event(delivery.data))
        if delivery.subject.startswith(OVERRIDES):
            key = change.event.key
            if change.event.op == "delete":
                self._overrides.pop(key, None)
            else:
                self._overrides[key] = change
            entity = self._mirror.written("entities").get(key)
            if entity is not None and entity.seq < change.seq:  # a later version is still to come, and is judged then
                await self._see(watch, entity, change)
        else:
            await self._take_zone(watch, change, delivery.timestamp)

    async def _see(self, watch: Watch, entity: Change, override: Change) -> None:
        """An entity of which an operator has said something: where it is, perhaps, or that it is another one."""
        shown = entity if entity.event.op == "delete" else effective(entity, override)
        if shown.event.op == "delete":
            await self._gone(watch, shown.event.key, shown.seq, shown.event.at)
        else:
            await self._write(watch, watch.see(_seen(shown.seq, shown.event.key, _body(shown.event.body))))

    async def _gone(self, watch: Watch, entity: str, seq: int, at: datetime) -> None:
        await self._write(watch, watch.gone(entity, seq, at))
        await self._leave(watch.forget(entity=entity), at)

    async def _take_zone(self, watch: Watch, change: Change, now: datetime) -> None:
        event = change.event
        if event.op == "delete":
            await self._write(watch, watch.removed(event.key, change.seq, event.at))
            await self._leave(watch.forget(zone=event.key), event.at)
        else:
            await self._write(watch, watch.define(msgspec.json.decode(event.body, type=Zone), change.seq, now))

    async def _turn_schedules(self, watch: Watch, now: datetime) -> None:
        await self._write(watch, watch.turn(now))
        watch.settle(now)

    async def _write(self, watch: Watch, crossings: Iterable[Crossing]) -> None:
        """All of different pairs, so they may go side by side."""
        left = list(crossings)
        while left:
            part, left = left[:WRITES_AT_ONCE], left[WRITES_AT_ONCE:]
            await asyncio.gather(*(self._put(watch, crossing) for crossing in part))

    async def _put(self, watch: Watch, crossing: Crossing) -> None:
        try:
            version = await self._publish(crossing, crossing.expected)
        except ConflictError:
            version = await self._resolve(watch, crossing)
        watch.commit(Held(crossing.presence, version))
        log.info(
            "zone crossing",
            zone=crossing.presence.zone,
            entity=crossing.presence.entity,
            crossing=crossing.presence.event,
            reason=crossing.presence.reason,
        )

    async def _publish(self, crossing: Crossing, expected: int) -> int:
        presence = crossing.presence
        change = await self.writer.put(
            "presences",
            presence.id,
            presence,
            at=presence.at,
            causes=presence.causes,
            expected=expected,
            event_id=crossing.event_id,
        )
        return change.seq

    async def _resolve(self, watch: Watch, crossing: Crossing) -> int:
        """The pair is at another version: it is our own write, whose answer was lost; or a mark that it had left the
        picture; or what we hold, stored again; or that of another process, which we take over, and judge again."""
        try:
            stored = await self._bus.jetstream.get_last_msg(WORLD, f"world.presences.{crossing.presence.id}")
        except NotFoundError:  # somebody has cleared it away
            return await self._publish(crossing, 0)
        event, seq = _world_event(stored.data or b""), int(stored.seq or 0)
        if event.id == crossing.event_id:
            return seq
        if event.op == "delete":
            return await self._publish(crossing, seq)
        presence = msgspec.json.decode(event.body, type=Presence)
        if presence == watch.presence(presence.zone, presence.entity):
            return await self._publish(crossing, seq)
        watch.commit(Held(presence, seq))
        raise ConflictError(f"presence {crossing.presence.id} was written by another process; judging it again")

    async def _leave(self, presences: list[Presence], at: datetime) -> None:
        for one in presences:
            await self.writer.leave("presences", one.id, at=at, organisation=one.organisation)

    async def _has_caught_up(self) -> bool:
        info = await self._bus.jetstream.consumer_info(WORLD, WATCHER)
        return not info.num_pending and not info.num_ack_pending

    def _forget(self) -> None:
        """The stream began anew."""
        self.watch = None


def _seen(seq: int, key: str, body: _Body) -> Seen:
    place = body.location
    return Seen(
        seq=seq,
        id=key,
        kind=body.kind,
        class_=body.class_,
        observed_at=body.observed_at,
        updated_at=body.updated_at,
        expired=body.freshness == "expired",
        lat=place.lat if place else None,
        lon=place.lon if place else 0.0,
        alt_m=place.alt_m if place else None,
        sigma_m=sigma_of(place.cov_m2 if place else None),
        recording=body.recording,
        organisation=body.organisation,
        causes=body.causes,
    )
