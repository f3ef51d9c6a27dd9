"""The tracker of one region: it knows which detections are decided elsewhere, and tracks come to it and leave it."""

import math
from collections import deque
from itertools import groupby
from typing import NamedTuple

import numpy as np

from summit_fusion.jipda import Detections, JipdaTracker, LateTracker, TrackerSettings
from summit_fusion.jipda.layout import Arrays, Floats, Ints, Marks
from summit_fusion.jipda.moment import slots
from summit_fusion.jipda.tracker import Absorbed

PINNED_EXISTENCE = 0.5
LOGGED_EDGES = 500_000
"""About 12 MB of "this detection was of that track" beyond the window of late data, for explanations."""
Rank = tuple[float, str]


class Keeper(JipdaTracker):
    """A tracker in which tracks begin only at detections of its own region (key 0 or more; one of a neighbour has the
    complement of its key), and pinned tracks do not end."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        super().__init__(settings)
        self.pinned: set[int] = set()

    def alike(self) -> "Keeper":
        fresh = Keeper(self.settings)
        fresh.pinned = self.pinned
        return fresh

    def absorb(self, scan: Detections, mine: Marks | None = None, names: Ints | None = None) -> Absorbed:
        if scan.key is not None and len(scan.key) and scan.key.min() < 0:
            mine = scan.key >= 0 if mine is None else mine & (scan.key >= 0)
        self._hold()
        absorbed = super().absorb(scan, mine, names)
        self._hold()
        return absorbed

    def _hold(self) -> None:
        if self.pinned:
            t = self.tracks
            rows = among(t.id[: t.count], np.array(sorted(self.pinned)))
            t.existence[rows] = np.maximum(t.existence[rows], PINNED_EXISTENCE)
            t.confirmed[rows] = 1


class Logged(NamedTuple):
    """Edges of one scan that can no longer change."""

    time: float
    sensor: str
    track: Ints
    key: Ints
    share: Floats


class RegionTracker(LateTracker):
    """A late-data tracker that settles when it is told to, not by itself."""

    now: Keeper

    def __init__(self, settings: TrackerSettings | None, horizon_s: float) -> None:
        super().__init__(settings, horizon_s, reorder_s=math.inf)
        self.now = Keeper(settings)
        self.log: deque[Logged] = deque()
        self._logged = 0

    def keep_log(self, log: deque[Logged]) -> None:
        """Go on with the log of another life."""
        self.log, self._logged = log, sum(len(entry.track) for entry in log)

    def knows(self, rank: Rank) -> bool:
        """Whether some of a scan has come already."""
        return any((p.time, p.sensor) == rank for p in self.waiting) or any(m.rank == rank for m in self.ring)

    def peek(self) -> JipdaTracker:
        """The tracks with all that waits, as far as that is not late. Changes nothing; none of the tracks is new."""
        last = self._last()
        waiting = sorted((p for p in self.waiting if (p.time, p.sensor) > last), key=lambda p: (p.time, p.sensor))
        if not waiting:
            return self.now
        ahead = self.now.alike()
        ahead.tracks, ahead.next_id = self.now.tracks.copy(), self.now.next_id
        for _, (scan, *more) in groupby(waiting, key=lambda p: (p.time, p.sensor)):
            ahead.step((scan.joined(more) if more else scan).in_order())
        t = ahead.tracks
        known = t.id[: t.count]
        t.replace(np.flatnonzero((known >= self.now.next_id) & (known < ahead.next_id)), Arrays.empty(0))
        t.arrange()
        return ahead

    def past(self, ids: Ints) -> list[tuple[Rank, Arrays]]:
        """Some tracks as they were before the oldest scan that can still be added to, or before the first one after
        they began; with the rank of that scan. Those that began in the last scan are left out."""
        found, left = [], ids
        for moment in self.ring:
            known = moment.before
            rows = among(known.id[: known.count], left)
            if len(rows):
                found.append((moment.rank, known.select(rows)))
                left = np.setdiff1d(left, known.id[rows])
            if not len(left):
                break
        return found

    def adopt(self, arriving: list[tuple[Rank, Arrays]]) -> None:
        """Tracks from elsewhere (in the frame of this region), each as it was before the scan of a rank. What has come
        since is taken in again with them. No track of the same id may be here (`drop`)."""
        if not arriving:
            return
        ids = np.concatenate([rows.id[: rows.count] for _, rows in arriving])
        newest, first = max(rank for rank, _ in arriving), len(self.ring)
        if not self.ring or self.ring[-1].rank < newest:
            self._append(nothing(*newest))
        for rank, rows in arriving:
            index = next(k for k, moment in enumerate(self.ring) if moment.rank >= rank)
            moment, part, first = self.ring[index], self.now.alike(), min(first, index)
            part.tracks = rows
            part.predict(moment.scan.time)
            for arrays in (moment.before, moment.joins):
                arrays.replace(np.empty(0, np.int64), rows)
        self._repair(self.ring[first:], [], False, ids)

    def drop(self, ids: Ints) -> None:
        """Forget tracks, as if they had never been here."""
        if not len(ids):
            return
        nobody, live = Arrays.empty(0), self.now.tracks
        for arrays in [live, *(a for moment in self.ring for a in (moment.before, moment.joins))]:
            rows = among(arrays.id[: arrays.count], ids)
            if len(rows):
                arrays.replace(rows, nobody)
        live.arrange()
        for moment in self.ring:
            kept = np.delete(np.arange(len(moment.track)), among(moment.track, ids))
            moment.track, moment.seen, moment.share = moment.track[kept], moment.seen[kept], moment.share[kept]
            moment.born[among(moment.born, ids)] = -1

    def edges(self, track: int) -> list[tuple[float, str, int, float]]:
        """Detections that may have been of a track, newest first: time, sensor, key, probability."""
        found = []
        for moment in self.ring:
            for e in np.flatnonzero(moment.track == track).tolist():
                key = -1 if moment.scan.key is None else int(moment.scan.key[moment.seen[e]])
                found.append((moment.scan.time, moment.scan.sensor, key, float(moment.share[e])))
        for old in self.log:
            rows = np.flatnonzero(old.track == track).tolist()
            found += [(old.time, old.sensor, int(old.key[e]), float(old.share[e])) for e in rows]
        return sorted(((t, s, max(key, ~key), p) for t, s, key, p in found), reverse=True)

    def _append(self, scan: Detections) -> None:
        had = self.ring[:]
        super()._append(scan)
        for moment in had[: len(had) + 1 - len(self.ring)]:
            key = moment.scan.key
            if key is not None and len(moment.track):
                self.log.append(Logged(*moment.rank, moment.track, key[moment.seen], moment.share))
                self._logged += len(moment.track)
        while self._logged > LOGGED_EDGES:
            self._logged -= len(self.log.popleft().track)


def among(ids: Ints, wanted: Ints) -> Ints:
    """Rows of ``ids`` that are in ``wanted``, of which there are few."""
    marks = np.zeros(1 << 14, np.bool_)
    marks[slots(wanted, marks)] = True
    rows = np.flatnonzero(marks[slots(ids, marks)])
    return rows[np.isin(ids[rows], wanted)] if len(rows) else rows


def nothing(time: float, sensor: str) -> Detections:
    """A scan that sees nothing, just after those of ``sensor`` at ``time``: only so that the tracks are moved there."""
    none: Floats = np.empty(0)
    return Detections(
        time, none.reshape(0, 2), none.reshape(0, 3), none, clutter=1.0, detect=0.0, sensor=f"{sensor}~",
        key=none.astype(np.int64),
    )  # fmt: skip
