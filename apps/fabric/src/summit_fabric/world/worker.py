"""How entities end, and what people said of them: looked at every few seconds.

An entity ends by its owner's word. Where that does not come, it ends at its ``expires_at``; and that of an automatic,
when it was not written for so long that nobody should believe in it. Either way it is shown as ``expired`` for a
minute, and leaves.
"""

import asyncio
import itertools
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace
from summit_core.bus import Change, Mirror
from summit_core.clock import Clock
from summit_core.errors import ConflictError
from summit_core.model import Entity, Override
from summit_core.model.common import Timestamp
from summit_core.observability.health import HealthMonitor

from summit_fabric.world.edits import OPERATOR
from summit_fabric.world.service import WorldService

log = structlog.get_logger(__name__)

UPKEEP: Final = "fabric-upkeep"
TICK_S: Final = 1.0
ENDS_EVERY: Final = 5
"""Ticks between two looks at all entities."""
IN_ONE_GO: Final = 250
UNWRITTEN_FOR: Final = timedelta(hours=5, minutes=50)
"""Less than ``ENTITY_LIVES``, after which the record takes an entity to have ended."""
EXPIRED_SHOWN: Final = timedelta(seconds=60)
OVERRIDE_KEPT: Final = timedelta(days=30)
"""How long an override waits for an entity that has left: a camera that was without power for a week is still where
the surveyor said."""
_OPERATORS: Final = f'"owner":"{OPERATOR}"'.encode()


class _Ending(msgspec.Struct):
    freshness: str = "live"
    expires_at: Timestamp | None = None


_ending_of = msgspec.json.Decoder(_Ending).decode


class Upkeep:
    """The loop beside the service; they take turns."""

    def __init__(self, service: WorldService, clock: Clock) -> None:
        self._service = service
        self._store = service.store
        self._clock = clock

    async def run(self, mirror: Mirror, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``."""
        await mirror.ready.wait()
        for tick in itertools.count():
            await self.look(ends=tick % ENDS_EVERY == 0)
            health.beat(UPKEEP)
            await asyncio.sleep(TICK_S)

    async def look(self, *, ends: bool = True) -> None:
        """Let go of what has ended, and end merges that have lost their other side."""
        now = self._clock.now()
        async with self._service.turn:
            if ends:
                await self._end_entities(now)
            for override in self._store.overrides().values():
                if override.id not in self._store.written() and _is_over(override, now):
                    await self._store.leave("overrides", override.id, at=now)
            await self._service.repair()

    async def _end_entities(self, now: datetime) -> None:
        written = self._store.written()
        for number, key in enumerate(list(written), start=1):
            if number % IN_ONE_GO == 0:
                await asyncio.sleep(0)  # observations do not wait for us
            change = written.get(key)
            due = due_of(change, now) if change is not None else None
            if due is not None:
                await self._end(key, due, now)

    async def _end(self, key: str, due: str, now: datetime) -> None:
        entity = self._store.entity(key)
        if entity is None:
            return
        try:
            if due == "leave":
                await self._store.leave("entities", key, at=now, reason="expired")
            else:
                await self._store.put_entity(expired(entity, now), at=now)
        except ConflictError:
            log.info("an owner wrote what was about to end", id=key)
        else:
            log.info("entity ends", id=key, owner=entity.owner, step=due)


def due_of(change: Change, now: datetime) -> str | None:
    """``expire``, ``leave`` or None. Most entities have no end in sight, which two looks at the bytes tell."""
    body, unwritten = bytes(change.event.body), now - change.event.at
    if b'"expires_at"' in body or b'"expired"' in body:
        stated = _ending_of(body)
        if stated.freshness == "expired":
            return "leave" if unwritten >= EXPIRED_SHOWN else None
        if stated.expires_at is not None and stated.expires_at <= now:
            return "expire"
    return "expire" if unwritten >= UNWRITTEN_FOR and _OPERATORS not in body else None


def expired(entity: Entity, now: datetime) -> Entity:
    return replace(entity, freshness="expired", updated_at=now)


def _is_over(override: Override, now: datetime) -> bool:
    said_nothing = not override.fields and override.merge is None
    return said_nothing or now - override.updated_at >= OVERRIDE_KEPT
