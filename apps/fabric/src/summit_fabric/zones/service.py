"""What people do to zones, one at a time: draw, change, remove."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import structlog
from msgspec.structs import asdict
from summit_core import wire
from summit_core.bus import Change, Mirror, WorldWriter
from summit_core.clock import Clock
from summit_core.errors import ConflictError, InputError, NotFoundError
from summit_core.ids import derived_id, new_id
from summit_core.model import Entity, Principal, Zone, ZoneDraft
from summit_core.security.decision import Scope, Thing, require, require_place
from summit_core.security.permissions import Permission

from summit_fabric.condition import Condition
from summit_fabric.zones.store import CrossingStore
from summit_fabric.zones.validate import check

log = structlog.get_logger(__name__)

OURS: Final = frozenset(Zone.__struct_fields__) - frozenset(ZoneDraft.__struct_fields__)
"""Fields that we write: they may come back with a zone that was read, and count for nothing."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Stated = dict[str, Any]


class ZoneService:
    """The one writer of zones; who is inside them is the worker's."""

    def __init__(self, writer: WorldWriter, mirror: Mirror, crossings: CrossingStore, clock: Clock) -> None:
        self.crossings = crossings
        self._writer, self._mirror, self._clock = writer, mirror, clock
        self._turn = asyncio.Lock()

    @property
    def seq(self) -> int:
        """The version of the picture."""
        return self._mirror.seq

    async def create(self, body: bytes, who: Principal, idempotency_key: str | None) -> Change:
        """A new zone. The same idempotency key of the same person gives the same one."""
        self._mirror.check_ready()
        draft = await self._checked(read(body), who)
        unique = new_id() if idempotency_key is None else derived_id(EPOCH, who.id, idempotency_key)
        key = f"zone-{unique[-12:]}"
        async with self._turn:
            known = self._mirror.changes("zones").get(key)
            if known is not None:
                return known
            now = self._clock.now()
            zone = _zone(draft, key, now, now, who)
            require_place(who, zone)
            return await self._put(zone, expected=0)

    async def change(self, key: str, body: bytes, condition: Condition, who: Principal, *, patch: bool) -> Change:
        """The next version: of the whole, or with ``patch`` by a JSON merge patch (RFC 7396)."""
        async with self._turn:
            zone, version = self._known(key, condition, who)
            stated = patched(zone, read(body)) if patch else read(body)
            draft = await self._checked(stated, who, known_anchor=zone.anchor)
            drawn = _zone(draft, key, zone.created_at, self._clock.now(), who)
            require_place(who, drawn)
            return await self._put(drawn, expected=version)

    async def remove(self, key: str, condition: Condition, who: Principal) -> None:
        """Who is inside leaves by it."""
        async with self._turn:
            zone, version = self._known(key, condition, who)
            now = self._clock.now()
            change = await self._writer.leave("zones", key, at=now, expected=version, organisation=zone.organisation)
            self._mirror.apply(change)
            log.info("zone removed", zone=key, by=who.id)

    async def page(
        self, of: Literal["zone", "entity"], key: str, *, limit: int, cursor: str | None
    ) -> tuple[list[bytes], str | None]:
        """Crossings, newest first. Raises :class:`InputError` for a cursor that is not ours."""
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
            raise InputError("cursor: not one of ours; pass back `next` as it came", field="cursor")
        bodies, more = await self.crossings.page(of, key, limit=limit, before=int(cursor) if cursor else None)
        return bodies, None if more is None else str(more)

    def _known(self, key: str, condition: Condition, who: Principal) -> tuple[Zone, int]:
        self._mirror.check_ready()
        found = self._mirror.get("zones", key, Zone)
        if found is None:
            raise NotFoundError(f"no zone {key!r}")
        require(who, Permission.OPERATE, found[0], called=f"no zone {key!r}")
        condition.check(key, by_people=found[1], version=found[1])
        return found

    async def _checked(self, stated: Stated, who: Principal, known_anchor: str | None = None) -> ZoneDraft:
        """Raises :class:`InputError` that names the field. An anchor that is new must be in the picture."""
        draft = wire.decode(wire.encode(stated), ZoneDraft)
        await asyncio.to_thread(check, draft)  # a boundary of thousands of edges takes a while
        if draft.anchor is None or (draft.anchor == known_anchor and draft.anchor_at is not None):
            return draft
        anchor = self._mirror.get("entities", draft.anchor, Entity)
        if anchor is None or not Scope.of(who).holds(Thing.of(anchor[0])):
            raise InputError(f"anchor: there is no entity {draft.anchor!r} in the picture", field="anchor")
        place = anchor[0].location
        if draft.anchor_at is not None:
            return draft
        if place is None:
            raise InputError(f"anchor: {draft.anchor!r} has no place yet; give anchor_at", field="anchor")
        return msgspec.structs.replace(draft, anchor_at=(place.lon, place.lat))

    async def _put(self, zone: Zone, *, expected: int) -> Change:
        try:
            change = await self._writer.put("zones", zone.id, zone, at=zone.updated_at, expected=expected)
        except ConflictError:
            raise ConflictError(f"{zone.id} was changed at the same time; read it again") from None
        self._mirror.apply(change)
        log.info("zone written", zone=zone.id, name=zone.name, version=change.seq)
        return change


def read(body: bytes) -> Stated:
    """What was sent, without the fields that are ours; a GeoJSON Feature is taken by its properties and geometry."""
    stated = wire.decode_body(body, dict[str, Any])
    if stated.get("type") == "Feature":
        properties = stated.get("properties")
        if not isinstance(properties, dict):
            raise InputError("properties: a Feature needs them; give at least name and rule", field="properties")
        drawn = {} if "circle" in properties else {"geometry": stated.get("geometry")}
        stated = properties | drawn
    return {name: value for name, value in stated.items() if name not in OURS}


def merged(whole: Stated, patch: Stated) -> Stated:
    """RFC 7396: null removes."""
    result = dict(whole)
    for name, value in patch.items():
        known = result.get(name)
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def patched(zone: Zone, patch: Stated) -> Stated:
    """What people say of the zone after a patch. A shape that is drawn anew lies there while the anchor is where it
    now is, unless the patch says otherwise."""
    whole: Stated = msgspec.json.decode(wire.encode(zone))
    stated = {name: value for name, value in whole.items() if name not in OURS}
    if patch.keys() & {"geometry", "circle", "anchor"}:
        stated.pop("anchor_at", None)
    return merged(stated, patch)


def _zone(draft: ZoneDraft, key: str, created_at: datetime, now: datetime, who: Principal) -> Zone:
    return Zone(id=key, created_at=created_at, updated_at=now, by=who.name, organisation=who.owner, **asdict(draft))
