"""An operator's word about tracks: these two are one, these detections are of something else, this one exists."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from summit_fusion.jipda import Detections, JipdaTracker
from summit_fusion.jipda.layout import Ints
from summit_fusion.jipda.merge import merge as merge_tracks
from summit_fusion.jipda.moment import exchange
from summit_fusion.shards.ids import first_id, ulid
from summit_fusion.shards.local import PINNED_EXISTENCE
from summit_fusion.shards.region import Region

if TYPE_CHECKING:
    from summit_fusion.shards.shard import Shard


def merge(shard: "Shard", into: str, gone: str) -> bool:
    """The track that was heard last goes on, under the id ``into``; the other one ends."""
    first, second = shard.find(into), shard.find(gone)
    if first is None or second is None or first == second:
        return False
    (region, row), (other, other_row) = first, second
    kept, lost = int(region.tracks.id[row]), int(other.tracks.id[other_row])
    if region is other:
        merge_tracks(region.tracker, kept, lost)
    for each in shard.regions.values():
        each.tracker.drop(np.array([lost]))
        each.foreign.pop(lost, None)
    if lost in shard.pinned:
        shard.pinned.discard(lost)
        shard.pinned.add(kept)
    shard.merged[ulid(lost)] = ulid(kept)
    return True


def split(shard: "Shard", track_id: str, keys: Ints) -> str | None:
    """The newest detection decides who goes on as what is tracked now: the old id, or the new one when it is among
    ``keys``. The other one goes on from its own detections of the last seconds, if it has some. None: no such track,
    or none of the detections is still known (they are for as long as data may be late)."""
    found = shard.find(track_id)
    if found is None:
        return None
    region, row = found
    old = int(region.tracks.id[row])
    mine = np.array([key for _, _, key, share in region.tracker.edges(old) if share > 0.5], np.int64)
    chosen = np.isin(mine, keys)
    if not chosen.any():
        return None
    shard.next_id = max(shard.next_id, first_id(shard.name, shard.clock))
    new, shard.next_id = shard.next_id, shard.next_id + 1
    if chosen[0]:
        rename(region, old, new)
    _follow(region, mine[~chosen] if chosen[0] else mine[chosen], old if chosen[0] else new)
    return ulid(new)


def _follow(region: Region, keys: Ints, track: int) -> None:
    """A track out of a few detections of the window and nothing else."""
    ring = region.tracker.ring
    own: JipdaTracker = region.tracker.now.alike()
    last = -1
    for k, moment in enumerate(ring):
        scan = moment.scan
        if scan.key is not None and (chosen := np.isin(np.maximum(scan.key, ~scan.key), keys)).any():
            own.step(part(scan, np.flatnonzero(chosen)))
            t, last = own.tracks, k
            t.existence[: t.count] = np.maximum(t.existence[: t.count], 0.9)
    if last < 0 or not own.tracks.count:
        return
    best = own.tracks.select(np.array([int(np.argmax(own.tracks.hits[: own.tracks.count]))]))
    best.id[:], best.confirmed[:] = track, 1
    rank = ring[last].rank
    region.tracker.drop(best.id)
    region.tracker.adopt([((rank[0], rank[1] + "\x00"), best)])


def part(scan: Detections, rows: Ints) -> Detections:
    """Some detections of a scan."""
    columns = {name: getattr(scan, name)[rows] for name in ("z", "noise", "at")}
    key = None if scan.key is None else scan.key[rows]
    return replace(scan, **columns, key=key, **{name: column[rows] for name, column in scan.told.items()})


def rename(region: Region, old: int, new: int) -> None:
    """In the whole window: one id is never two tracks."""
    tracker = region.tracker
    was, becomes, marks = np.array([old]), np.array([new]), np.ones(1, np.bool_)
    for moment in tracker.ring:
        moment.rename(was, becomes, marks)
    exchange(tracker.now.tracks.id, was, becomes, marks)


def pin(shard: "Shard", track_id: str, pinned: bool) -> bool:
    found = shard.find(track_id)
    if found is None:
        return False
    region, row = found
    track = int(region.tracks.id[row])
    if not pinned:
        shard.pinned.discard(track)
        return True
    shard.pinned.add(track)
    region.tracks.confirmed[row] = 1
    region.tracks.existence[row] = max(region.tracks.existence[row], PINNED_EXISTENCE)
    return True
