"""Late data: scans are kept for a few seconds and taken in again, exactly, when more of them arrives.

Only what the late detections can have changed is done again: the tracks that gate them, all that hangs together with
those by the gates of the window, and all that comes to hang together with them on the way. The rest is what it would
have been, so the result is that of the same detections in order.

An identity outlives this. A track that begins at the same detection keeps its id; where one vanishes and another takes
over its detections, the older id wins.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby

import numpy as np

from summit_fusion.jipda.gate import gating
from summit_fusion.jipda.layout import Arrays, Floats, Ints, Marks
from summit_fusion.jipda.life import UNEXPLAINED
from summit_fusion.jipda.moment import Moment, exchange, slots, spread
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import TrackerSettings
from summit_fusion.jipda.tracker import Estimate, JipdaTracker

HORIZON_S = 3.3
REORDER_S = 0.25
LATE_AT_ONCE = 250
"""Detections."""


class LateTracker:
    """Takes pieces of scans (with ``sensor`` and ``key``) in the order in which they arrive.

    ``horizon_s``: how long before the last scan a piece may lie. ``reorder_s``: pieces wait until one comes that is so
    much later, so that what is only a little out of order costs nothing; ``estimate`` waits for nothing.
    """

    def __init__(
        self, settings: TrackerSettings | None = None, horizon_s: float = HORIZON_S, reorder_s: float = REORDER_S
    ) -> None:
        self.now = JipdaTracker(settings)
        self.horizon_s, self.reorder_s = horizon_s, reorder_s
        self.ring: list[Moment] = []
        self.waiting: list[Detections] = []
        self.too_late = 0
        """Detections that were older than the window."""
        self.repeated = 0
        """Tracks times scans that were done again."""
        self._forgot = False

    def take(self, piece: Detections) -> list[Detections]:
        """A piece of a scan; returns those that are older than the window, whose attributes may still be used."""
        if piece.key is None:
            raise ValueError("a piece of a scan needs the keys of its detections")
        if not piece.of_a_time:
            return [piece]
        old = self.settle() if self.due(piece) else []
        self.waiting.append(piece)
        return old

    def due(self, piece: Detections) -> bool:
        """Whether what waits is taken in before this piece."""
        last = self._last()
        fresh = min((one.time for one in self.waiting if _rank(one) > last), default=np.inf)
        return piece.time > fresh and piece.time - fresh >= self.reorder_s

    def settle(self) -> list[Detections]:
        """Take in all that waits, in the order of its time; returns what is too old."""
        return [old for step in self.steps() for old in step() or ()]

    def steps(self) -> list[Callable[[], list[Detections] | None]]:
        """What `settle` does, to be done in this order: what is late, a part at a time, then each new scan."""
        waiting, self.waiting, last = sorted(self.waiting, key=_rank), [], self._last()
        pieces = [_whole(parts) for _, parts in groupby(waiting, key=_rank)]
        late = [piece for piece in pieces if _rank(piece) <= last]
        fresh = pieces[len(late) :]
        return [partial(self._go_back, part) for part in _parts(late)] + [partial(self._append, one) for one in fresh]

    def _last(self) -> tuple[float, str]:
        return self.ring[-1].rank if self.ring else (-np.inf, "")

    def estimate(self, time: float) -> Estimate:
        """What is shown at ``time``, with all that has arrived."""
        self.settle()
        return self.now.estimate(time)

    def _append(self, scan: Detections) -> None:
        if self.now.filed is None:
            self.now.filed = {}
        self.now.predict(scan.time)
        before = self.now.tracks.copy(room=8 + self.now.tracks.count // 8)  # a repair may add some
        self.ring.append(Moment.of(scan, before, self.now.absorb(scan)))
        self.now.tracks.arrange()
        while len(self.ring) > 1 and self.ring[1].scan.time < scan.time - self.horizon_s:
            self.now.filed.pop(self.ring.pop(0).rank, None)
            self._forgot = True

    def _go_back(self, pieces: list[Detections]) -> list[Detections]:
        """Find or make the scans of late pieces, and run again from the first one; returns what is too old for it."""
        old = [piece for piece in pieces if piece.time < self._last()[0] - self.horizon_s]
        pieces = pieces[len(old) :]
        first, new, whole = len(self.ring), [], False
        for piece in pieces:
            index = next(k for k, moment in enumerate(self.ring) if moment.rank >= _rank(piece))
            moment = self.ring[index]
            if moment.rank == _rank(piece):
                new.append((moment, moment.join(piece)))
            elif index == 0 and self._forgot:
                old.append(piece)
                continue
            else:  # a scan that nobody knew of: it moves every track
                whole = True
                nothing = np.empty(0, np.int64)
                born = np.full(len(piece.z), -1, np.int64)
                made = Moment(piece, Arrays.empty(0), nothing, nothing.copy(), np.empty(0), born)
                self.ring.insert(index, made)
                index = max(0, index - 1)
            first = min(first, index)
        if whole or any(len(numbers) for _, numbers in new):
            was = [(moment, moment.track, moment.seen, moment.share) for moment in self.ring[first:]]
            gone, fresh = self._repair(self.ring[first:], new, whole)
            if len(gone) and len(fresh):
                now = [(moment, moment.track, moment.seen, moment.share) for moment in self.ring[first:]]
                self._anchor(_lineage(was, gone), _lineage(now, fresh))
        self.too_late += sum(len(piece.z) for piece in old)
        return old

    def _repair(
        self, moments: list[Moment], new: list[tuple[Moment, Ints]], whole: bool, joined: Ints | None = None
    ) -> tuple[Ints, Ints]:
        """Run the affected part of ``moments`` again until it touches nothing outside itself; returns the ids of the
        tracks that are gone by this and of those that are new. ``joined``: tracks that came to the first moment from
        elsewhere."""
        offset = np.concatenate([[0], np.cumsum([len(moment.scan.z) for moment in moments])])
        size = 1 << (2 * (sum(moment.before.count for moment in moments) + 64)).bit_length()
        tracks, detections = np.full(size, whole), np.full(offset[-1], whole)
        for moment, numbers in new:
            index = next(k for k, one in enumerate(moments) if one is moment)
            detections[offset[index] + numbers] = True
            tracks[slots(self._gating(moment, numbers), tracks)] = True
        gone: set[int] = set()
        fresh: set[int] = set()
        tracks[slots(np.empty(0, np.int64) if joined is None else joined, tracks)] = True
        while detections.any() or tracks.any():
            spread(
                np.concatenate([moment.track for moment in moments]),
                np.concatenate([moment.seen + offset[k] for k, moment in enumerate(moments)]),
                tracks, detections,
            )  # fmt: skip
            detections, had, have = self._again(moments, offset, tracks, detections)
            gone, fresh = gone | (had - fresh), (fresh - had) | have
            tracks[:] = False
        self.now.tracks.arrange()
        return np.array(sorted(gone - fresh), np.int64), np.array(sorted(fresh - gone), np.int64)

    def _gating(self, moment: Moment, numbers: Ints) -> Ints:
        """Ids of the tracks that gate some of the detections of a scan."""
        scan, known = moment.scan, moment.before
        lag = scan.at[numbers] - scan.time
        reach = self.now.settings.gate
        return known.id[gating(known.mean, known.cov, known.count, scan.z[numbers], scan.noise[numbers], lag, reach)]

    def _again(
        self, moments: list[Moment], offset: Ints, tracks: Marks, detections: Marks
    ) -> tuple[Marks, set[int], set[int]]:
        """Run the marked part through the scans again. Returns marks of the detections outside it that it came to gate,
        the ids it had at the end before, and those it has."""
        part, outside = self.now.alike(), np.zeros(len(detections), np.bool_)
        part.filed = self.now.filed
        known = moments[0].before
        part.tracks = known.select(np.flatnonzero(tracks[slots(known.id[: known.count], tracks)]))
        part.next_id, again = self.now.next_id, []
        for k, moment in enumerate(moments):
            part.predict(moment.scan.time)
            if k and moment.joins.count:  # those of the first one stand in its ``before``
                come = moment.joins.id[: moment.joins.count]
                part.tracks.replace(come[:0], moment.joins.select(np.flatnonzero(tracks[slots(come, tracks)])))
                part.tracks.arrange()
            mine, before = detections[offset[k] : offset[k + 1]], part.tracks.copy()
            found = Moment.of(moment.scan, before, part.absorb(moment.scan, mine, moment.born))
            part.tracks.arrange()
            outside[offset[k] + found.seen] |= ~mine[found.seen]
            self.repeated += before.count
            again.append(found)
        self.now.next_id = part.next_id
        live = self.now.tracks
        rows = np.flatnonzero(tracks[slots(live.id[: live.count], tracks)])
        for k, moment in enumerate(moments):
            moment.amend(again[k], tracks, detections[offset[k] : offset[k + 1]])
        had, have = set(live.id[rows].tolist()), set(part.tracks.id[: part.tracks.count].tolist())
        live.replace(rows, part.tracks)
        return outside, had, have

    def _anchor(self, was: Ints, now: Ints) -> None:
        """Exchange the ids of tracks that vanished with those of the new tracks that took over their detections."""
        _, left, right = np.intersect1d(was[:, 0], now[:, 0], assume_unique=True, return_indices=True)
        votes = Counter(zip(was[left, 1].tolist(), now[right, 1].tolist(), strict=True))
        taken: dict[int, int] = {}
        for a, b in sorted(votes, key=lambda pair: (-votes[pair], pair)):
            if a not in taken and b not in taken:
                taken[a], taken[b] = b, a
        if not taken:
            return
        old = np.array(sorted(taken), np.int64)
        new, changed = np.array([taken[int(a)] for a in old], np.int64), np.zeros(1 << 16, np.bool_)
        changed[slots(old, changed)] = True
        for moment in self.ring:  # everywhere, so that one id is never two tracks
            moment.rename(old, new, changed)
        exchange(self.now.tracks.id, old, new, changed)


def _lineage(known: list[tuple[Moment, Ints, Ints, Floats]], ids: Ints) -> Ints:
    """Detections that some tracks (ascending ids) own: rows of the key and the id."""
    rows, marks = [], np.zeros(1 << 16, np.bool_)
    marks[slots(ids, marks)] = True
    for moment, track, seen, share in known:
        edges = np.flatnonzero(marks[slots(track, marks)] & (share > UNEXPLAINED))
        edges = edges[np.isin(track[edges], ids)]
        if moment.scan.key is not None:
            rows.append(np.stack([moment.scan.key[seen[edges]], track[edges]], 1))
    return np.concatenate(rows)


def _parts(late: list[Detections]) -> Iterator[list[Detections]]:
    """Some scans at a time, so that no step is long."""
    part: list[Detections] = []
    for piece in late:
        if part and sum(len(one.z) for one in (*part, piece)) > LATE_AT_ONCE:
            yield part
            part = []
        part.append(piece)
    if part:
        yield part


def _rank(piece: Detections) -> tuple[float, str]:
    return piece.time, piece.sensor


def _whole(pieces: Iterable[Detections]) -> Detections:
    """One scan out of its pieces, its detections in the order of their keys."""
    scan, *more = pieces
    return (scan.joined(more) if more else scan).in_order()
