"""Hot spots to fires in the picture: which spots are one fire, its perimeter, how it grows from pass to pass.

Pure: times come with the observations. A fire keeps its id while it grows; where two grow together the older one goes
on. It ends when no satellite has seen it for the longest silence within one fire.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import numpy as np
from summit_core.model import Entity, Growth, Hotspot, Location, Perimeter

from summit_fusion.hazards import OWNER
from summit_fusion.hotspots import Fire, Hotspots, cluster, fires_of
from summit_fusion.hotspots.cluster import MAX_GAP_S
from summit_fusion.picture import organisation_in, picture_of, recording_in

VIIRS_PIXEL_M: Final = 375.0
"""At nadir, for a hot spot that does not state its own."""
NOMINAL: Final = 0.6
"""Confidence where none is stated, as of the middle class of VIIRS."""
HEARTBEAT: Final = timedelta(hours=1)
"""A fire is written again so often, because what is not written for hours leaves the picture."""
MOST_GROWTH: Final = 48
MOST_CAUSES: Final = 48
_METRES_2: Final = 10_000.0


class Spot(msgspec.Struct, array_like=True):
    """One hot spot; ``fire`` is the one that it belongs to, ``heard``: our clock, seconds since 1970."""

    observation: str
    source: str
    lat: float
    lon: float
    at: float
    scan_m: float
    track_m: float
    frp_mw: float
    confidence: float
    satellite: str
    heard: float
    fire: str = ""


@dataclass
class _Region:
    """The spots of the live picture, or of one recording."""

    spots: list[Spot] = field(default_factory=list)
    fires: dict[str, Entity] = field(default_factory=dict)
    """As published."""
    due: set[str] = field(default_factory=set)
    """Fires of which something is not published yet; the empty one stands for spots of no fire yet."""


class Fires:
    """All fires that satellites see."""

    def __init__(self) -> None:
        self._regions: dict[str, _Region] = {}
        self._ended: set[str] = set()

    def observe(self, spot: Hotspot) -> None:
        region = self._regions.setdefault(picture_of(spot) or "", _Region())
        region.spots.append(_spot(spot))
        region.due.add("")

    def changed(self, now: datetime) -> list[Entity]:
        """Fires with new spots, and those that are due again; call ``settle`` once they are published."""
        due: list[Entity] = []
        for recording, region in self._regions.items():
            if region.due:
                due += self._grown(recording, region, now)
            due += [
                msgspec.structs.replace(fire, updated_at=now)
                for fire in region.fires.values()
                if now - fire.updated_at > HEARTBEAT
            ]
        return list({fire.id: fire for fire in reversed(due)}.values())

    def settle(self, published: Iterable[Entity]) -> None:
        """These versions are out."""
        for fire in published:
            region = self._regions[picture_of(fire) or ""]
            region.fires[fire.id] = fire
            region.due.discard(fire.id)

    def expire(self, now: datetime) -> list[str]:
        """Forget fires that are over; returns the ids that leave, also of those that grew into another one."""
        oldest = now.timestamp() - MAX_GAP_S
        for region in self._regions.values():
            over = {fire.id for fire in region.fires.values() if fire.heard_at.timestamp() < oldest}
            if over:
                region.spots = [spot for spot in region.spots if spot.fire not in over]
                region.fires = {id_: fire for id_, fire in region.fires.items() if id_ not in over}
                self._ended |= over
        ended, self._ended = sorted(self._ended), set()
        return ended

    def state(self) -> dict[str, list[Spot]]:
        """What :meth:`restore` takes, beside the fires as they were published."""
        return {recording: region.spots for recording, region in self._regions.items()}

    def restore(self, state: dict[str, list[Spot]], published: Iterable[Entity]) -> None:
        """Go on after a restart. A published fire whose spots are not known stays as it is until it is over."""
        self._regions = {recording: _Region(spots) for recording, spots in state.items()}
        for fire in published:
            self._regions.setdefault(picture_of(fire) or "", _Region()).fires[fire.id] = fire
        for region in self._regions.values():
            known = Counter(spot.fire for spot in region.spots)
            region.due = {
                id_ for id_, spots in known.items() if id_ not in region.fires or region.fires[id_].updates != spots
            }

    def _grown(self, recording: str, region: _Region, now: datetime) -> list[Entity]:
        numbers = cluster(_columns(region.spots))
        new = np.array([spot.fire in region.due for spot in region.spots])
        rows = np.flatnonzero(np.isin(numbers, numbers[new]))
        touched = [region.spots[row] for row in rows]
        found = list(fires_of(_columns(touched), numbers[rows]))
        grown = []
        for number, fire in zip(np.unique(numbers[rows]), found, strict=True):
            members = [region.spots[row] for row in rows[numbers[rows] == number]]
            self._name(recording, region, members, fire)
            grown.append(_entity(members, fire, recording or None, now))
        region.due = {fire.id for fire in grown}
        return grown

    def _name(self, recording: str, region: _Region, members: Sequence[Spot], fire: Fire) -> None:
        """All members get the id of the fire that is the oldest here; a fire of which nothing is left ends."""
        named = sorted((spot.at, spot.fire) for spot in members if spot.fire)
        id_ = named[0][1] if named else _id(recording, fire)
        for other in {name for _, name in named} - {id_}:
            if region.fires.pop(other, None) is not None:
                self._ended.add(other)
        for spot in members:
            spot.fire = id_


def is_fire(entity: Entity) -> bool:
    """Whether a hazard of ours is one that satellites see."""
    return entity.kind == "hazard" and entity.perimeter is not None


def _id(recording: str, fire: Fire) -> str:
    return "fire-" + hashlib.blake2b(f"{recording}/{fire.id}".encode(), digest_size=8).hexdigest()


def _spot(spot: Hotspot) -> Spot:
    return Spot(
        observation=spot.id or "",
        source=spot.source,
        lat=spot.lat,
        lon=spot.lon,
        at=spot.observed_at.timestamp(),
        scan_m=spot.scan_m or VIIRS_PIXEL_M,
        track_m=spot.track_m or VIIRS_PIXEL_M,
        frp_mw=math.nan if spot.frp_mw is None else spot.frp_mw,
        confidence=NOMINAL if spot.confidence is None else spot.confidence,
        satellite=spot.satellite or "",
        heard=(spot.received_at or spot.observed_at).timestamp(),
    )


def _columns(spots: Sequence[Spot]) -> Hotspots:
    table = np.array(
        [(s.lat, s.lon, s.at, s.scan_m, s.track_m, s.frp_mw, math.nan, s.confidence) for s in spots], np.float64
    ).reshape(-1, 8)
    lat, lon, at, scan_m, track_m, frp_mw, brightness_k, confidence = np.ascontiguousarray(table.T)
    satellites = [spot.satellite for spot in spots]
    return Hotspots(lat, lon, at, scan_m, track_m, frp_mw, brightness_k, confidence, satellites)


def _entity(members: Sequence[Spot], fire: Fire, picture: str | None, now: datetime) -> Entity:
    latest = sorted(members, key=lambda spot: (spot.at, spot.observation))[-MOST_CAUSES:]
    # the centre of a fire is somewhere on its ground: the variance of a uniform disc is its radius squared / 4
    variance = fire.area_ha * _METRES_2 / math.pi / 4.0
    growth = tuple(
        Growth(at=step.at, spots=step.spots, area_ha=step.area_ha, frp_mw=_number(step.frp_mw))
        for step in fire.growth[-MOST_GROWTH:]
    )
    return Entity(
        id=members[0].fire,
        kind="hazard",
        owner=OWNER,
        class_="fire",
        label=f"fire of {fire.area_ha:,.0f} ha seen by {', '.join(fire.satellites) or 'satellite'}",
        observed_at=fire.last_at,
        heard_at=datetime.fromtimestamp(max(spot.heard for spot in members), UTC),
        updated_at=now,
        location=Location(lat=fire.lat, lon=fire.lon, cov_m2=((variance, 0.0), (0.0, variance))),
        existence=fire.confidence,
        sources=tuple(sorted({spot.source for spot in members})),
        perimeter=Perimeter(
            polygons=fire.ground.polygons(), area_ha=fire.area_ha, rate_ha_h=fire.rate_ha_h, growth=growth
        ),
        updates=fire.spots,
        recording=recording_in(picture),
        organisation=organisation_in(picture),
        causes=tuple(spot.observation for spot in latest if spot.observation),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
