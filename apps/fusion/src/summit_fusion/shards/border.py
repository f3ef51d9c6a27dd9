"""Borders: between the regions of a shard, and between shards.

A neighbour keeps a copy of each track near the border and takes part in its detections with it: the copy absorbs them,
so no second track begins, and it stays equal to the original because it is fed the same. Only the owner shows it. The
owner changes when the track is well inside the neighbour; inside a shard by a mark, between shards by compare-and-swap.
"""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from summit_fusion.jipda.layout import Arrays, Ints
from summit_fusion.jipda.merge import merge
from summit_fusion.shards.chart import Chart, move_frame
from summit_fusion.shards.frozen import freeze, thaw
from summit_fusion.shards.ground import Kind
from summit_fusion.shards.handover import Ghosts, HandOver
from summit_fusion.shards.ids import number, ulid
from summit_fusion.shards.local import Rank
from summit_fusion.shards.region import SAME, Placed, Region, centre_of

if TYPE_CHECKING:
    from summit_fusion.shards.shard import Shard

GHOST_S = 3.0
"""A track of another shard is forgotten when it was not shown again for so long (time of the data)."""

TOGETHER = 100
"""Tracks that are shown in one piece, which is a message."""


def exchange(shard: "Shard") -> None:
    """Each region of the shard learns of the tracks near it, tracks change their region, idle regions go."""
    clock, ground = shard.clock, shard.ground
    placed = {zone: region.placed(ground) for zone, region in sorted(shard.regions.items())}
    arriving: dict[int, list[tuple[Rank, Arrays]]] = {zone: [] for zone in placed}
    for zone, own in placed.items():
        for other in sorted(_neighbours(shard, zone, own)):
            near = own.rows(ground.where(own.kind, partial(_shows, other)))
            found = shard.region(other).learn(near, shard.regions[zone], clock)
            arriving.setdefault(other, []).extend(found)
    for zone, found in arriving.items():
        shard.regions[zone].renew(found, clock)
    for zone, own in placed.items():
        _change_region(shard, shard.regions[zone], own)
        _merge_duplicates(shard, shard.regions[zone])
    for zone, region in list(shard.regions.items()):
        ring = region.tracker.ring
        if not region.tracks.count and ring and ring[-1].scan.time < clock - shard.horizon_s:
            del shard.regions[zone]


def _shows(zone: int, kind: Kind) -> bool:
    """Whether tracks there are shown to a zone."""
    return zone in kind[2]


def _neighbours(shard: "Shard", zone: int, placed: Placed) -> set[int]:
    near = {other for k in np.unique(placed.kind) for other in shard.ground.kinds[k][2]}
    return {other for other in near if other != zone and shard.ground.is_ours(other)}


def _change_region(shard: "Shard", region: Region, placed: Placed) -> None:
    """Tracks that are well inside another region of this shard are that one's from now on."""
    outside = placed.rows(_elsewhere(shard, region, placed, ours=True))
    if not len(outside.id):
        return
    for k in np.flatnonzero(region.deep(outside, shard.ground)).tolist():
        track, other = int(outside.id[k]), shard.regions[shard.ground.kinds[outside.kind[k]][0]]
        if track in other.foreign and other.holds(track):
            del other.foreign[track]
            region.foreign[track] = shard.clock


def _merge_duplicates(shard: "Shard", region: Region) -> None:
    """Two own tracks of one target become the older one. What an operator has pinned is left as it is."""
    for kept, lost in region.duplicates.look(region.tracker):
        both = {kept, lost}
        if both <= region.owned() and not both & shard.pinned:
            merge(region.tracker, kept, lost)
            shard.merged[ulid(lost)] = ulid(kept)


def _elsewhere(shard: "Shard", region: Region, placed: Placed, ours: bool) -> Ints:
    """Which tracks are in another zone, of this shard or of another one."""
    ground = shard.ground
    away = ground.where(placed.kind, lambda kind: kind[0] != region.zone and ground.is_ours(kind[0]) == ours)
    return np.flatnonzero(away)


def ghosts_for(shard: "Shard", cells: set[int] | frozenset[int]) -> list[Ghosts]:
    ghosts = []
    for region in shard.regions.values():
        placed = region.placed(shard.ground)
        near = np.flatnonzero(shard.ground.where(placed.kind, lambda kind: not kind[2].isdisjoint(cells)))
        for first in range(0, len(near), TOGETHER):
            ghosts += [ghost for _, ghost in _ghosts(region, placed.rows(near[first : first + TOGETHER]))]
    return ghosts


def _ghosts(region: Region, placed: Placed) -> list[tuple[Ints, Ghosts]]:
    """The ids, and the tracks as a message; one for each scan that they can start again from."""
    found, order = [], np.argsort(placed.id)
    for (time, sensor), rows in region.tracker.past(placed.id):
        ids = rows.id[: rows.count]
        now = placed.rows(order[np.searchsorted(placed.id, ids, sorter=order)])
        state = freeze({"now": now, "rows": rows})
        found.append((ids, Ghosts(region.zone, time, sensor, state, tuple(ids.tolist()))))
    return found


def show_ghosts(shard: "Shard", ghosts: list[Ghosts]) -> None:
    ground = shard.ground
    for ghost in ghosts:
        if ghost.time > shard.clock:
            continue  # our own data do not reach so far yet; it comes again
        now, rows = _thawed(shard, ghost)
        zones = {zone for k in np.unique(now.kind) for zone in ground.kinds[k][2] if ground.is_ours(zone)}
        for zone in sorted(zones):
            near = now.rows(ground.where(now.kind, partial(_shows, zone)))
            _know(shard, shard.region(zone), ghost, near, rows)


def _thawed(shard: "Shard", ghost: Ghosts) -> tuple[Placed, Arrays]:
    """Where the tracks are now, in our kinds of places, and what they start again from."""
    content = thaw(ghost.state)
    now, rows = content["now"], Arrays(**content["rows"])
    return Placed(**(now | {"kind": shard.ground.kinds_of(now["lat"], now["lon"])})), rows


def _know(shard: "Shard", region: Region, ghost: Ghosts, now: Placed, rows: Arrays) -> None:
    """Keep copies of these tracks, fresh ones where there is none or one that is somewhere else."""
    now = now.rows(~np.isin(now.id, list(region.owned())))
    for track, at in zip(now.id.tolist(), now.at.tolist(), strict=True):
        region.foreign[track] = max(shard.clock, at) + GHOST_S
    unlike = now.id[region.differing(now, SAME)]
    if len(unlike):
        chosen = np.flatnonzero(np.isin(rows.id[: rows.count], unlike))
        fresh = rows.select(chosen)
        move_frame(fresh, Chart.at(*centre_of(ghost.region)), region.chart)
        region.tracker.drop(unlike)
        region.tracker.adopt([((ghost.time, ghost.sensor), fresh)])


def leaving(shard: "Shard") -> list[HandOver]:
    for track in sorted(claimed(shard)):
        release(shard, track)
    offers = []
    for region in shard.regions.values():
        placed = region.placed(shard.ground)
        outside = placed.rows(_elsewhere(shard, region, placed, ours=False))
        outside = outside.rows(region.deep(outside, shard.ground)) if len(outside.id) else outside
        for k in range(len(outside.id)):
            track, cell = int(outside.id[k]), shard.ground.kinds[outside.kind[k]][0]
            for _, ghost in _ghosts(region, outside.rows(np.array([k]))):
                epoch = shard.epochs.get(track, 0)
                offers.append(HandOver(ulid(track), epoch, cell, ghost, track in shard.pinned))
    shard.offered.update(number(offer.id) for offer in offers)
    return offers


def claimed(shard: "Shard") -> set[int]:
    """Tracks that were offered and that somebody else has claimed since. They are shown no more."""
    held = {track: shard.ownership.owner(ulid(track)) for track in shard.offered}
    return {track for track, owner in held.items() if owner is not None and owner[1] != shard.name}


def accept(shard: "Shard", handover: HandOver) -> bool:
    zone, track = shard.ground.zone(handover.cell), number(handover.id)
    if not shard.ground.is_ours(zone) or handover.track.time > shard.clock:
        return False
    if not shard.ownership.claim(handover.id, handover.epoch, shard.name):
        return False
    region = shard.region(zone)
    if track not in region.owned():
        _know(shard, region, handover.track, *_thawed(shard, handover.track))
        region.foreign.pop(track, None)
    shard.epochs[track] = handover.epoch + 1
    if handover.pinned:
        shard.pinned.add(track)
    return True


def release(shard: "Shard", track: int) -> None:
    for region in shard.regions.values():
        if track in region.owned():
            region.foreign[track] = shard.clock + GHOST_S
    shard.offered.discard(track)
    shard.told.pop(track, None)
    shard.epochs.pop(track, None)
    shard.pinned.discard(track)
