"""Who is inside which zone: a state machine that is fed in the order of the world stream. Pure.

The only state of a pair of entity and zone is inside or outside, and it lives in the pair's presence, so a restart
knows all that there is to know.

Nothing here changes a presence: it proposes crossings, and is told of each by ``commit`` once that is written.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from summit_core.geo import LocalFrame
from summit_core.ids import derived_id
from summit_core.model import EntityKind, Presence, Zone
from summit_core.model.zone import PresenceReason

from summit_fabric.zones import schedule
from summit_fabric.zones.geometry import Box, Shape, shape_of
from summit_fabric.zones.grid import Grid
from summit_fabric.zones.hysteresis import ASSUMED_SIGMA_M, is_level, margins

WATCHED: Final[tuple[EntityKind, ...]] = ("asset", "track", "person", "hazard")
CAUSES_KEPT: Final = 8
PRESENCE: Final = "prs-"
"""How the id of each presence begins."""


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """One version of an entity, as far as zones care. ``seq`` is its version; without a place, ``lat`` is None."""

    seq: int
    id: str
    kind: EntityKind
    observed_at: datetime
    updated_at: datetime
    class_: str | None = None
    expired: bool = False
    lat: float | None = None
    lon: float = 0.0
    alt_m: float | None = None
    sigma_m: float = ASSUMED_SIGMA_M
    recording: str | None = None
    organisation: str | None = None
    causes: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Area:
    """A zone and its shape. ``edge`` is when its schedule turns next; None while that was never looked at. ``box`` is
    where it lies now; None while its anchor is nowhere."""

    zone: Zone
    shape: Shape
    active: bool
    edge: datetime | None = None
    box: Box | None = None

    def watches(self, seen: Seen) -> bool:
        zone = self.zone
        return (
            seen.kind in (zone.kinds or WATCHED)
            and (not zone.classes or seen.class_ in zone.classes)
            and seen.id != zone.anchor
            and seen.organisation == zone.organisation
        )


class Held(NamedTuple):
    """The presence of a pair and its version."""

    presence: Presence
    version: int

    @property
    def inside(self) -> bool:
        return self.presence.state == "inside"

    def is_judged(self, seq: int) -> bool:
        """Whether what stands there in the stream has been judged already. A presence that is older than what it was
        judged by comes from a stream that was restored: that says nothing of this one."""
        return seq <= self.presence.judged < self.version


class Crossing(NamedTuple):
    """A presence to write in the place of version ``expected``. ``event_id`` is the same when it is judged again."""

    presence: Presence
    expected: int
    event_id: str


class Cause(NamedTuple):
    """What crossed in the entity's stead, and when. ``clock``: not by an event of the stream."""

    reason: PresenceReason
    at: datetime
    clock: bool = False


def presence_id(zone: str, entity: str) -> str:
    return PRESENCE + hashlib.blake2b(f"{zone}/{entity}".encode(), digest_size=10).hexdigest()


@dataclass(slots=True)
class Watch:
    """``seq``: everything in the stream up to here has been taken in."""

    seq: int = 0
    areas: dict[str, Area] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    next_edge: datetime | None = None
    """The earliest moment at which a schedule turns."""
    pairs: defaultdict[str, dict[str, Held]] = field(default_factory=lambda: defaultdict(dict))
    """By entity, then by zone."""
    inside: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Entities by zone."""
    _anchored: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Zones by anchor."""
    _zones_at: Grid = field(default_factory=Grid)
    _entities_at: Grid = field(default_factory=Grid)

    def load(self, zones: Iterable[Zone], seen: Iterable[Seen], presences: Iterable[Held]) -> None:
        """Take up the picture, judging nothing."""
        for one in seen:
            self._place(one)
        for zone in zones:
            self._draw(zone, zone.updated_at, unknown=True)
        for held in presences:
            self.commit(held)

    def see(self, seen: Seen) -> list[Crossing]:
        """The entity has a new version."""
        self._place(seen)
        crossings = [c for area in self._near(seen) if (c := self._judge(area, seen, seen.seq))]
        for name in self._anchored.get(seen.id, ()):
            area = self.areas[name]
            self._lay(area)
            crossings += self._judge_all(area, seen.seq, Cause("moved", seen.observed_at))
        return crossings

    def gone(self, entity: str, seq: int, at: datetime) -> list[Crossing]:
        """The entity has left the picture."""
        self.seen.pop(entity, None)
        self._entities_at.remove(entity)
        crossings = [self._left(held, Cause("gone", at), seq) for held in self.pairs[entity].values() if held.inside]
        for name in self._anchored.get(entity, ()):
            self._lay(self.areas[name])
            crossings += self._judge_all(self.areas[name], seq, Cause("ended", at))
        return crossings

    def define(self, zone: Zone, seq: int, now: datetime) -> list[Crossing]:
        """There is a new zone, or a new version of one."""
        self._draw(zone, now)
        reason: PresenceReason = "began" if zone.created_at == zone.updated_at else "changed"
        return self._judge_all(self.areas[zone.id], seq, Cause(reason, zone.updated_at))

    def removed(self, zone: str, seq: int, at: datetime) -> list[Crossing]:
        """There is no such zone any more."""
        self._erase(zone)
        held = [self.pairs[entity][zone] for entity in self.inside[zone]]
        return [self._left(one, Cause("removed", at), seq) for one in held]

    def turn(self, now: datetime) -> list[Crossing]:
        """Judge the zones whose schedule has turned. Comes again and again until :meth:`settle`."""
        crossings = []
        for area in self._due(now):
            area.active = schedule.holds(area.zone.schedule, now)
            cause = Cause("began" if area.active else "ended", min(area.edge or now, now), clock=True)
            crossings += self._judge_all(area, self.seq, cause)
        return crossings

    def settle(self, now: datetime) -> None:
        """What :meth:`turn` said is written: look to the next edges."""
        for area in self._due(now):
            area.edge = schedule.next_edge(area.zone.schedule, now) or datetime.max.replace(tzinfo=now.tzinfo)
        self._note_edges()

    def orphans(self, now: datetime) -> list[Crossing]:
        """Presences whose entity or zone ended unseen, while nobody was watching."""
        return [
            self._left(self.pairs[entity][zone], Cause("gone" if zone in self.areas else "removed", now), self.seq)
            for zone, entities in self.inside.items()
            for entity in entities
            if entity not in self.seen or zone not in self.areas
        ]

    def presence(self, zone: str, entity: str) -> Presence | None:
        held = self.pairs[entity].get(zone)
        return held.presence if held is not None else None

    def commit(self, held: Held) -> None:
        """This presence stands in the stream."""
        one = held.presence
        self.pairs[one.entity][one.zone] = held
        (self.inside[one.zone].add if held.inside else self.inside[one.zone].discard)(one.entity)

    def forget(self, *, zone: str | None = None, entity: str | None = None) -> list[Presence]:
        """Let go of everything about a zone or an entity that is no more; returns the presences."""
        pairs = [
            held
            for of_entity in (self.pairs.values() if entity is None else [self.pairs.get(entity, {})])
            for held in of_entity.values()
            if zone in (None, held.presence.zone)
        ]
        for held in pairs:
            del self.pairs[held.presence.entity][held.presence.zone]
            self.inside[held.presence.zone].discard(held.presence.entity)
        if entity is not None:
            self.pairs.pop(entity, None)
        return [held.presence for held in pairs]

    def _place(self, seen: Seen) -> None:
        self.seen[seen.id] = seen
        if seen.lat is not None:
            self._entities_at.put_spot(seen.id, seen.lat, seen.lon)

    def _draw(self, zone: Zone, now: datetime, *, unknown: bool = False) -> None:
        self._erase(zone.id)
        active = schedule.holds(zone.schedule, now)
        edge = None if unknown or not zone.schedule else schedule.next_edge(zone.schedule, now)
        self.areas[zone.id] = Area(zone, shape_of(zone), active, edge)
        if zone.anchor is not None:
            self._anchored[zone.anchor].add(zone.id)
        self._lay(self.areas[zone.id])
        self._note_edges()

    def _erase(self, zone: str) -> None:
        area = self.areas.pop(zone, None)
        self._zones_at.remove(zone)
        if area is not None and area.zone.anchor is not None:
            self._anchored[area.zone.anchor].discard(zone)

    def _lay(self, area: Area) -> None:
        """Put the zone where it now lies; one whose anchor is nowhere lies nowhere."""
        area.box = area.shape.box
        if area.zone.anchor is not None and area.zone.anchor_at is not None:
            anchor = self.seen.get(area.zone.anchor)
            there = None if anchor is None or anchor.lat is None else (anchor.lat, anchor.lon)
            area.box = None if there is None else area.box.moved(area.zone.anchor_at[::-1], there)
        if area.box is not None:
            self._zones_at.put(area.zone.id, area.box)
        else:
            self._zones_at.remove(area.zone.id)

    def _near(self, seen: Seen) -> list[Area]:
        """Zones that the entity is in, and those that it may enter."""
        areas = self.areas
        found = [areas[zone] for zone, held in self.pairs[seen.id].items() if held.inside and zone in areas]
        if seen.lat is not None and not seen.expired:
            lat, lon, known = seen.lat, seen.lon, len(found)
            for zone in self._zones_at.at(lat, lon):
                area = areas[zone]
                if area.box is not None and area.box.holds(lat, lon) and area not in found[:known]:
                    found.append(area)
        return found

    def _judge_all(self, area: Area, seq: int, cause: Cause) -> list[Crossing]:
        """All that the zone may hold. Versions of entities that are still to come will be judged when they come."""
        names = self.inside[area.zone.id] & self.seen.keys()
        if (box := area.box) is not None:
            near = map(self.seen.__getitem__, self._entities_at.near(box))
            names |= {seen.id for seen in near if seen.lat is not None and box.holds(seen.lat, seen.lon)}
        known = map(self.seen.__getitem__, sorted(names))
        return [c for seen in known if seen.seq <= seq and (c := self._judge(area, seen, seq, cause))]

    def _judge(self, area: Area, seen: Seen, seq: int, cause: Cause | None = None) -> Crossing | None:
        held = self.pairs[seen.id].get(area.zone.id)
        if held is not None and held.is_judged(seq) and not (cause and cause.clock):
            return None
        was = held is not None and held.inside
        now = self._is_inside(area, seen, seq, was=was)
        if now != was:
            return self._crossed(area.zone, seen, held, "enter" if now else "exit", seq, cause)
        if was and held is not None and cause is None and _has_dwelt(area.zone, seen, held.presence):
            return self._crossed(area.zone, seen, held, "dwell", seq, None)
        return None

    def _is_inside(self, area: Area, seen: Seen, seq: int, *, was: bool) -> bool:
        if seen.expired or seen.lat is None or area.box is None or not area.active or not area.watches(seen):
            return False
        lat, lon, sigma = seen.lat, seen.lon, seen.sigma_m
        if area.zone.anchor is not None and area.zone.anchor_at is not None:
            anchor = self.seen.get(area.zone.anchor)
            if anchor is None or anchor.lat is None:
                return False
            if anchor.seq > seq:
                return was  # where it was then is not known yet: its own version will come, and judge
            lat, lon = LocalFrame(*area.zone.anchor_at[::-1]).to_geodetic(
                *LocalFrame(anchor.lat, anchor.lon).to_enu(lat, lon)
            )
            sigma = math.hypot(sigma, anchor.sigma_m)
        if seen.alt_m is not None and not is_level(area.zone, seen.alt_m, was_inside=was):
            return False
        enter, leave = margins(sigma, area.shape.depth_m)
        if was:
            return area.shape.signed_distance(lat, lon, leave) > -leave
        return area.shape.signed_distance(lat, lon, enter) >= enter

    def _crossed(
        self,
        zone: Zone,
        seen: Seen,
        held: Held | None,
        event: Literal["enter", "exit", "dwell"],
        seq: int,
        cause: Cause | None,
    ) -> Crossing:
        if cause is None and seen.expired:
            cause = Cause("gone", seen.updated_at)
        at = cause.at if cause else seen.observed_at
        before = held.presence if held is not None else None
        presence = Presence(
            id=presence_id(zone.id, seen.id),
            zone=zone.id,
            entity=seen.id,
            state="outside" if event == "exit" else "inside",
            event=event,
            at=at,
            judged=seq,
            entered_at=at if event == "enter" else before.entered_at if before else None,
            left_at=at if event == "exit" else None,
            lat=seen.lat,
            lon=None if seen.lat is None else seen.lon,
            alt_m=seen.alt_m,
            rule=zone.rule,
            reason=cause.reason if cause else None,
            recording=seen.recording,
            organisation=zone.organisation,
            causes=(zone.id, seen.id, *seen.causes[-CAUSES_KEPT:]),
        )
        return _proposed(presence, held)

    def _left(self, held: Held, cause: Cause, seq: int) -> Crossing:
        """Out of a zone or by an entity that is no more."""
        presence = replace(
            held.presence, state="outside", event="exit", at=cause.at, left_at=cause.at, judged=seq, reason=cause.reason
        )
        return _proposed(presence, held)

    def _due(self, now: datetime) -> list[Area]:
        scheduled = (area for area in self.areas.values() if area.zone.schedule)
        return [area for area in scheduled if area.edge is None or area.edge <= now]

    def _note_edges(self) -> None:
        edges = [area.edge or area.zone.created_at for area in self.areas.values() if area.zone.schedule]
        self.next_edge = min(edges, default=None)


def _has_dwelt(zone: Zone, seen: Seen, presence: Presence) -> bool:
    """By the source's own clock: it was seen inside after so long. What nobody sees has not dwelt."""
    if zone.dwell_s is None or presence.event != "enter" or presence.entered_at is None:
        return False
    return (seen.observed_at - presence.entered_at).total_seconds() >= zone.dwell_s


def _proposed(presence: Presence, held: Held | None) -> Crossing:
    expected = held.version if held is not None else 0
    return Crossing(presence, expected, derived_id(presence.at, presence.id, str(expected), presence.event))
