"""Shard: all tracks of a part of the earth, or of the whole of it. Scans in, tracks out, always the same from the same.

Inside it the earth is cut into regions, each with a plane of its own (`chart`) and a tracker. Between shards and
between regions the same holds: detections near a border go to both sides, tracks near it are known on both sides, each
detection and each track is decided on one.
"""

import math

import numpy as np

from summit_fusion.jipda import TrackerSettings
from summit_fusion.jipda.late import HORIZON_S, REORDER_S
from summit_fusion.jipda.layout import Ints, Marks
from summit_fusion.shards import border, operate, saved
from summit_fusion.shards.ground import Ground
from summit_fusion.shards.handover import Ghosts, HandOver
from summit_fusion.shards.ids import LATEST, first_id, number, ulid
from summit_fusion.shards.ownership import MemoryOwnership, Ownership
from summit_fusion.shards.region import Region
from summit_fusion.shards.scan import Explained, GeoEstimate, GeoScan, Taken
from summit_fusion.shards.shown import estimate_of, explanation_of

EXCHANGE_S = 1.0
"""How often, in the time of the data, the regions look at what is near their borders."""


NOBODY = np.empty(0, np.int64)


class Shard:
    """``cells``: H3 cells of resolution 4 that it decides, None for all. ``horizon_s``: how late data may be. Scans
    wait for ``reorder_s`` of the time of the data for those that are only a little out of order. ``name``: no two
    shards of a system have the same. No clock, no randomness: the state depends on what was taken, in which order.
    """

    def __init__(
        self,
        name: str,
        cells: set[int] | frozenset[int] | None = None,
        settings: TrackerSettings | None = None,
        horizon_s: float = HORIZON_S,
        ownership: Ownership | None = None,
        reorder_s: float = REORDER_S,
    ) -> None:
        self.name, self.settings = name, settings or TrackerSettings()
        self.horizon_s, self.reorder_s = horizon_s, reorder_s
        self.ownership = ownership or MemoryOwnership()
        self.ground = Ground(None if cells is None else frozenset(cells))
        self.regions: dict[int, Region] = {}
        self.clock = 0.0
        """Time of the newest scan that was taken in."""
        self.newest, self.oldest_waiting = 0.0, math.inf
        """Times of the newest scan that came, and of the oldest one that waits and is not late."""
        self.exchanged = 0.0
        self.next_id = 0
        self.too_late = 0
        self.pinned: set[int] = set()
        self.epochs: dict[int, int] = {}
        """Of tracks that came from another shard."""
        self.offered: set[int] = set()
        """Tracks that another shard may have claimed."""
        self.merged: dict[str, str] = {}
        self.told: dict[int, tuple[float, int]] = {}
        """Tracks that were reported: when they were last heard, how often."""
        self.missing: dict[int, float] = {}
        """Those of them that are gone, and since when."""

    @property
    def cells(self) -> frozenset[int] | None:
        return self.ground.cells

    @property
    def repeated(self) -> int:
        """Tracks times scans that were done again because of late data."""
        return sum(region.tracker.repeated for region in self.regions.values())

    def take(self, scan: GeoScan) -> Taken:
        """Take in a scan, or a piece of one. An empty one tells that nothing was seen."""
        if not 0.0 <= scan.time < LATEST:
            raise ValueError("the time of a scan must be between 1970 and 2242, in seconds")
        late = self.settle() if scan.time - self.oldest_waiting >= max(self.reorder_s, 1e-9) else 0
        if scan.time < self.clock - self.horizon_s:
            self.too_late += len(scan)
            return Taken(late=late + len(scan))
        kinds = self.ground.kinds_of(scan.lat, scan.lon)
        numbers, which = np.unique(kinds, return_inverse=True)
        present = [self.ground.kinds[k] for k in numbers.tolist()]
        ours = np.array([self.ground.is_ours(owner) for owner, _, _ in present], np.bool_)
        inside: dict[int, Marks] = {owner: np.zeros_like(ours) for owner, _, _ in present if self.ground.is_ours(owner)}
        inside |= dict.fromkeys(self.regions, np.zeros_like(ours))
        for k, (_, halo, _) in enumerate(present):
            for zone in halo & inside.keys():
                inside[zone][k] = True
        for zone, near in sorted(inside.items()):
            owned = np.array([owner == zone for owner, _, _ in present], np.bool_)
            self.region(zone).take(scan, np.flatnonzero(near[which]) if near.any() else NOBODY, owned[which])
        if scan.time > self.clock:
            self.oldest_waiting = min(self.oldest_waiting, scan.time)
        self.newest = max(self.newest, scan.time)
        reached = np.logical_or.reduce([np.zeros_like(ours), *inside.values()])
        used, shown = int(ours[which].sum()), int((reached & ~ours)[which].sum())
        return Taken(used, shown, len(scan) - used - shown, late)

    def region(self, zone: int) -> Region:
        if zone not in self.regions:
            self.regions[zone] = Region.of(zone, self.settings, self.horizon_s, self.pinned)
        return self.regions[zone]

    def settle(self) -> int:
        """Take in all that waits; returns how many detections turned out to be too old. ``take`` does it in time."""
        since = min(self.newest, self.oldest_waiting)
        self.clock, self.oldest_waiting = self.newest, math.inf
        self.next_id, late = max(self.next_id, first_id(self.name, since)), 0
        for _, region in sorted(self.regions.items()):
            region.tracker.now.next_id = self.next_id
            late += sum(int((piece.key >= 0).sum()) for piece in region.tracker.settle() if piece.key is not None)
            self.next_id = region.tracker.now.next_id
        if self.clock - self.exchanged >= EXCHANGE_S:
            self.exchanged = self.clock
            border.exchange(self)
        self.too_late += late
        return late

    def estimates(self, time: float) -> GeoEstimate:
        """The tracks of this shard at ``time`` (unix seconds), with all that was taken, apart from what is late and
        waits for ``settle``. Changes nothing."""
        return estimate_of(self, time)

    def changed(self) -> list[str]:
        """Ids of shown tracks with news since the last call."""
        seen = self.estimates(self.clock)
        news = [
            (number(name), name, (heard, hits))
            for name, heard, hits in zip(seen.id, seen.heard.tolist(), seen.hits.tolist(), strict=True)
        ]
        fresh = [name for track, name, state in news if self.told.get(track) != state]
        self.told.update((track, state) for track, _, state in news)
        return fresh

    def ended(self) -> list[str]:
        """Tracks that were in ``changed`` and are gone for good, each once; not those merged or handed over."""
        alive = {int(track) for region in self.regions.values() for track in region.tracks.id[: region.tracks.count]}
        gone = self.told.keys() - alive
        self.missing = {track: self.missing.get(track, self.clock) for track in gone}
        over = [track for track, since in self.missing.items() if self.clock - since > self.horizon_s]
        for track in over:
            del self.told[track], self.missing[track]
            self.pinned.discard(track)
            self.epochs.pop(track, None)
            self.offered.discard(track)
        return [name for name in map(ulid, sorted(over)) if name not in self.merged]

    def aliases(self) -> dict[str, str]:
        """Tracks that were merged into another one, and into which."""
        return dict(self.merged)

    def explain(self, track_id: str) -> Explained | None:
        """The last detections of a track and what is known of it; None when it is not here."""
        return explanation_of(self, track_id)

    def merge(self, into: str, gone: str) -> bool:
        """An operator's word: the two are one. False when one of them is not a track of this shard."""
        return operate.merge(self, into, gone)

    def split(self, track_id: str, keys: Ints) -> str | None:
        """An operator's word: these detections are of something else; returns its id. See `operate.split`."""
        return operate.split(self, track_id, keys)

    def pin(self, track_id: str, pinned: bool = True) -> bool:
        """An operator's word: this exists whether it is detected or not, until it is unpinned."""
        return operate.pin(self, track_id, pinned)

    def ghosts_for(self, cells: set[int] | frozenset[int]) -> list[Ghosts]:
        """Own tracks near some cells of another shard; to be shown to it every second or so."""
        return border.ghosts_for(self, cells)

    def show_ghosts(self, ghosts: list[Ghosts]) -> None:
        """Know of tracks of other shards. What is not shown again for some seconds is forgotten."""
        border.show_ghosts(self, ghosts)

    def leaving(self) -> list[HandOver]:
        """Tracks that are another shard's to keep; the same again until the registry gives them to somebody."""
        return border.leaving(self)

    def accept(self, handover: HandOver) -> bool:
        """Own a track from now on, if its cell is ours, our data reach as far as its state, and the registry agrees.
        What is not accepted is offered again."""
        return border.accept(self, handover)

    def released(self, track_id: str) -> None:
        """Somebody else owns this track now. ``leaving`` finds it out by itself as well."""
        border.release(self, number(track_id))

    def find(self, track_id: str) -> tuple[Region, int] | None:
        """Region and row of one of our own tracks, by its id or by one that was merged into it."""
        for _ in range(len(self.merged) + 1):
            if track_id not in self.merged:
                break
            track_id = self.merged[track_id]
        track = number(track_id)
        for region in self.regions.values():
            rows = np.flatnonzero(region.tracks.id[: region.tracks.count] == track)
            if len(rows) and track not in region.foreign:
                return region, int(rows[0])
        return None

    def state(self) -> bytes:
        """Everything, to the bit: who restores this goes on as if nothing had happened."""
        return saved.state(self)

    @classmethod
    def restore(cls, data: bytes, ownership: Ownership | None = None) -> "Shard":
        """Raises ValueError for what is damaged or of another version."""
        return saved.restore(cls, data, ownership)
