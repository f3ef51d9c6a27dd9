"""What people do to the world model, one at a time: make, change, take out, override, merge, split."""

import asyncio
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace
from summit_core.bus import Change
from summit_core.clock import Clock
from summit_core.errors import ConflictError, InputError, NotFoundError
from summit_core.ids import derived_id, new_id
from summit_core.model import Entity, EntityDraft, Location, Merge, Override, Principal
from summit_core.security.decision import Thing, decide, require_place
from summit_core.security.permissions import Permission

from summit_fabric.condition import Condition
from summit_fabric.world import edits
from summit_fabric.world.edits import OPERATOR, Stated
from summit_fabric.world.store import WorldStore

log = structlog.get_logger(__name__)

FABRIC: Final = "fabric"


class WorldService:
    """The one writer of overrides and of entities whose owner is ``operator``; ``turn`` is held for each change."""

    def __init__(self, store: WorldStore, clock: Clock) -> None:
        self.store = store
        self.turn = asyncio.Lock()
        self._clock = clock

    async def create(self, draft: EntityDraft, who: Principal, idempotency_key: str | None = None) -> Change:
        """A new entity. The same idempotency key of the same person gives the same one."""
        now = self._clock.now()
        unique = new_id() if idempotency_key is None else derived_id(edits.EPOCH, who.id, idempotency_key)
        key = f"op-{draft.kind}-{unique[-12:]}"
        async with self.turn:
            self.store.check_ready()
            if key not in self.store.written():
                made = replace(edits.drafted(key, draft, who.name, now), organisation=who.owner)
                require_place(who, made)
                await self.store.put_entity(made, at=now)
                log.info("entity made", id=key, by=who.id)
            return self._shown(key)

    async def change(self, key: str, patch: Stated, condition: Condition, who: Principal) -> Change:
        """The next version of a person's own entity; overrides on that of an automatic."""
        async with self.turn:
            entity, override = self._changeable(key, condition, who)
            now = self._clock.now()
            if entity.owner == OPERATOR:
                changed = edits.changed(entity, patch, who.name, now)
                require_place(who, changed)
                await self.store.put_entity(changed, at=now)
            else:
                shown = bytes(self._shown(key).event.body)
                said = edits.overridden(override, shown, patch, who.name, now)
                if "location" in said.fields:
                    require_place(who, msgspec.convert(said.fields["location"].value, Location))
                await self.store.put_override(said, at=now)
            log.info("entity changed", id=key, fields=sorted(patch), owner=entity.owner, by=who.id)
            return self._shown(key)

    async def take_out(self, key: str, reason: str, condition: Condition, who: Principal) -> None:
        """An entity that people made leaves the picture."""
        async with self.turn:
            entity, _ = self._changeable(key, condition, who)
            if entity.owner != OPERATOR:
                raise ConflictError(
                    f"{key} is kept by {entity.owner} from what is observed, and leaves when it is no longer heard of; "
                    "override its fields, or merge it into what it really is"
                )
            now = self._clock.now()
            await self.store.put_entity(edits.ended(entity, reason, who.name, now), at=now)
            await self.store.leave("entities", key, at=now)
            log.info("entity taken out", id=key, by=who.id)

    async def take_back(self, key: str, name: str, reason: str, condition: Condition, who: Principal) -> Change:
        """A field is the automatic's again."""
        async with self.turn:
            _, override = self._changeable(key, condition, who)
            if name not in override.fields:
                raise NotFoundError(f"nobody has overridden {name} of {key}")
            now = self._clock.now()
            await self.store.put_override(edits.taken_back(override, name, reason, who.name, now), at=now)
            log.info("override taken back", id=key, field=name, by=who.id)
            return self._shown(key)

    async def merge(self, key: str, into: str, reason: str, condition: Condition | None, who: Principal) -> Change:
        """``key`` is the same thing as ``into``; the answer is the entity that is shown for both."""
        async with self.turn:
            entity, override = self._changeable(key, condition, who)
            survivor = self.store.survivor(into)
            if survivor == key:
                raise ConflictError(f"into: {into} is {key} already; split them first", field="into")
            other, shown = self.store.entity(into), self._seen(survivor, who)
            if other is None or shown is None or other.organisation != entity.organisation:
                raise InputError(f"into: nothing called {into} is in the picture", field="into")
            now = self._clock.now()
            await self.store.put_override(edits.merged(override, entity, into, reason, who.name, now), at=now)
            await self.settle(f"Absorbed {key}" + (f": {reason}" if reason else ""), who.name)
            log.info("entities merged", id=key, into=into, by=who.id)
            return self._shown(survivor)

    async def split(self, key: str, reason: str, condition: Condition | None, who: Principal) -> Change:
        """A merged entity is a thing of its own again, as if it had never been merged; the answer is that entity, or
        the one that it was merged into where it is no longer heard of itself."""
        async with self.turn:
            self.store.check_ready()
            override, seq = self.store.override(key)
            survivor = self.store.survivor(key)
            if self._seen(survivor, who) is None:
                raise _absent(key)
            if override is None or override.merge is None:
                raise ConflictError(f"{key} is not merged into another entity")
            if condition is not None:
                condition.check(key, by_people=seq, version=self._shown(survivor).seq)
            await self._split(override, reason, who.name)
            log.info("entities split", id=key, by=who.id)
            return self._shown(key if key in self.store.written() else survivor)

    async def repair(self) -> None:
        """Bring the merges to an end that a crash, or the end of an entity, has left half true; with ``turn`` held."""
        for key in self.store.overrides():
            override, _ = self.store.override(key)
            merge = override.merge if override else None
            if override is None or merge is None or merge.into in self.store.written():
                continue
            beyond = self.store.override(merge.into)[0]
            if beyond is not None and beyond.merge is not None:
                now = self._clock.now()
                onward = edits.redirected(override, merge, beyond.merge.into, FABRIC, now)
                await self.store.put_override(onward, at=now)
            else:
                await self._split(override, f"{merge.into} has left the picture", FABRIC)
                log.info("merge ended", id=key, into=merge.into)
        await self.settle("Brought in line with the merges", FABRIC)

    async def settle(self, what: str, who: str) -> None:
        """Write what follows from the merges: what each survivor has absorbed."""
        overrides = self.store.overrides()
        wanted = edits.absorptions(overrides)
        now = self._clock.now()
        for key in sorted((wanted.keys() | overrides.keys()) & self.store.written().keys()):
            known = overrides.get(key) or self.store.blank_override(key, now)
            absorbed: dict[str, Merge] = wanted.get(key, {})
            if known.absorbed != absorbed:
                await self.store.put_override(edits.absorbing(known, absorbed, what, who, now), at=now)

    async def _split(self, override: Override, reason: str, who: str) -> None:
        now = self._clock.now()
        await self.store.put_override(edits.split(override, reason, who, now), at=now)
        await self.settle(f"Gave back {override.id}" + (f": {reason}" if reason else ""), who)

    def _seen(self, key: str, who: Principal) -> Entity | None:
        """An entity as it is shown, if it is there for this person."""
        change = self.store.shown(key)
        if change is None or change.event.organisation != who.owner:
            return None
        entity = msgspec.json.decode(change.event.body, type=Entity)
        return entity if decide(who, Permission.OPERATE, Thing.of(entity)).allowed else None

    def _changeable(self, key: str, condition: Condition | None, who: Principal) -> tuple[Entity, Override]:
        """The entity as written and what people have said of it, once it is sure that they may go on from there."""
        self.store.check_ready()
        entity = self.store.entity(key)
        shown = self.store.shown(key)
        if entity is None or self._seen(self.store.survivor(key), who) is None:
            raise _absent(key)
        if shown is None:
            raise ConflictError(
                f"{key} is merged into {self.store.survivor(key)}: change that one, or split {key} first"
            )
        override, seq = self.store.override(key)
        if condition is not None:
            own = self.store.written()[key].seq if entity.owner == OPERATOR else 0
            condition.check(key, by_people=max(seq, own), version=shown.seq)
        return entity, override or self.store.blank_override(key, self._clock.now())

    def _shown(self, key: str) -> Change:
        change = self.store.shown(key)
        if change is None:
            raise NotFoundError(f"{key} has left the picture")
        return change


def _absent(key: str) -> NotFoundError:
    return NotFoundError(f"nothing called {key} is in the picture")
