"""Merge: two tracks of one target become one, the older identity wins.

Two tracks stay on one target when one sensor is biased or a target was lost for a moment. They are told from two
targets side by side by their lineage: two targets are seen in one scan, one target never twice.
"""

from dataclasses import dataclass, field

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.late import LateTracker
from summit_fusion.jipda.layout import FULL, Arrays, Ints, Marks
from summit_fusion.jipda.life import UNEXPLAINED
from summit_fusion.jipda.moment import Moment, exchange, slots

NEAR = 13.277
"""Squared Mahalanobis distance, chi-square with 4 degrees of freedom: 1 in 100 of one target lie further apart."""
EVERY_S = 1.0
LOOKS = 3
Pair = tuple[int, int]


@dataclass(slots=True)
class Duplicates:
    """Looks once a second for tracks that are `NEAR` each other ``LOOKS`` times in a row and that no scan has seen
    both."""

    times: dict[Pair, int] = field(default_factory=dict)
    due: float = -np.inf

    def look(self, tracker: LateTracker) -> list[Pair]:
        """Ids of the pairs to merge: the older one, which is to stay, and the other one."""
        if not tracker.ring or tracker.ring[-1].scan.time < self.due:
            return []
        before, self.due = self.due - EVERY_S, tracker.ring[-1].scan.time + EVERY_S
        near = _near(tracker.now.tracks, _rivals([one for one in tracker.ring if one.scan.time >= before], tracker))
        self.times = {pair: self.times.get(pair, 0) + 1 for pair in set(near) if not _seen_both(tracker.ring, *pair)}
        return sorted(pair for pair, times in self.times.items() if times >= LOOKS)


def merge(tracker: LateTracker, kept: int, lost: int) -> None:
    """The track that was heard last goes on, everywhere in the window, as ``kept``; the other one ends."""
    tracks = tracker.now.tracks
    row, other = (int(np.flatnonzero(tracks.id[: tracks.count] == one)[0]) for one in (kept, lost))
    gone = kept if tracks.seen_at[other] > tracks.seen_at[row] else lost
    nothing = Arrays.empty(0)
    for arrays in (tracks, *(known for moment in tracker.ring for known in (moment.before, moment.joins))):
        arrays.replace(np.flatnonzero(arrays.id[: arrays.count] == gone), nothing)
        arrays.arrange()
    marks, was, becomes = np.ones(1, np.bool_), np.array([lost]), np.array([kept])
    for moment in tracker.ring:
        others = moment.track != gone
        moment.track, moment.seen, moment.share = moment.track[others], moment.seen[others], moment.share[others]
        moment.born[moment.born == gone] = -1
        moment.rename(was, becomes, marks)
    exchange(tracks.id, was, becomes, marks)


@kernel
def claim_alike(track: Ints, seen: Ints, detections: int, marks: Marks) -> Ints:
    """Ids of marked tracks, two by two, that claim the same detection of a scan: each with the last one before it."""
    last, room, used = np.full(detections, -1, np.int64), 64, 0
    pairs = np.empty((room, 2), np.int64)
    for e in range(len(track)):
        if not marks[track[e] & (len(marks) - 1)]:
            continue
        before = last[seen[e]]
        last[seen[e]] = e
        if before < 0:
            continue
        if used == room:
            pairs, room = np.concatenate((pairs, np.empty_like(pairs))), 2 * room
        pairs[used, 0], pairs[used, 1] = track[before], track[e]
        used += 1
    return pairs[:used]


def _rivals(moments: list[Moment], tracker: LateTracker) -> Ints:
    """Rows of confirmed tracks, two by two, that claim the same detection; those that one scan saw last are two."""
    tracks, marks = tracker.now.tracks, np.zeros(1 << 16, np.bool_)
    certain = np.flatnonzero(tracks.confirmed[: tracks.count])
    marks[slots(tracks.id[certain], marks)] = True
    pairs = np.concatenate([claim_alike(one.track, one.seen, len(one.scan.z), marks) for one in moments])
    marks[:] = False
    marks[slots(pairs, marks)] = True
    rows = certain[marks[slots(tracks.id[certain], marks)]]
    if not len(rows):
        return np.empty((0, 2), np.int64)
    rows = rows[np.argsort(tracks.id[rows])]
    place = np.minimum(np.searchsorted(tracks.id[rows], pairs), len(rows) - 1)
    paired: Ints = rows[place[(tracks.id[rows[place]] == pairs).all(1)]]
    return np.compress(tracks.seen_at[paired[:, 0]] != tracks.seen_at[paired[:, 1]], paired, axis=0)


def _near(tracks: Arrays, pairs: Ints) -> list[Pair]:
    """Ids of the pairs whose likelier models are near each other, the older track first."""
    likelier = (tracks.cruise[pairs] < 0.5).astype(np.int64)
    mean, cov = tracks.mean[pairs, likelier], tracks.cov[pairs, likelier][..., FULL]
    off = mean[:, 0] - mean[:, 1]
    distance = np.einsum("ni,ni->n", off, np.linalg.solve(cov[:, 0] + cov[:, 1], off[..., None])[..., 0])
    return [_older_first(tracks, int(a), int(b)) for a, b in pairs[distance < NEAR]]


def _older_first(tracks: Arrays, a: int, b: int) -> Pair:
    first, second = sorted((a, b), key=lambda row: (tracks.born[row], tracks.id[row]))
    return int(tracks.id[first]), int(tracks.id[second])


def _seen_both(ring: list[Moment], a: int, b: int) -> bool:
    """Whether both had a detection of their own in some scan of the window: then they are two."""
    for moment in ring:
        own = moment.share > UNEXPLAINED
        if bool((own & (moment.track == a)).any()) and bool((own & (moment.track == b)).any()):
            return True
    return False
