"""One scan as it was taken in, kept so that it can be taken in again when more of it arrives."""

from dataclasses import dataclass, field

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Arrays, Floats, Ints, Marks
from summit_fusion.jipda.life import UNEXPLAINED
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.tracker import Absorbed


@dataclass(slots=True)
class Moment:
    """``before``: the tracks predicted to the scan. An edge is a track's id, a detection of the scan, a probability;
    a track that begins has an edge to its detection as well. ``born``: the id of the track that began at each."""

    scan: Detections
    before: Arrays
    track: Ints
    seen: Ints
    share: Floats
    born: Ints
    joins: Arrays = field(default_factory=lambda: Arrays.empty(0))
    """Tracks that come in here from elsewhere; they stand in ``before`` as well."""

    @classmethod
    def of(cls, scan: Detections, before: Arrays, absorbed: Absorbed) -> "Moment":
        begun = np.flatnonzero(absorbed.alone > UNEXPLAINED)
        born = np.full(len(scan.z), -1, np.int64)
        born[begun] = absorbed.born
        track = np.concatenate([np.repeat(absorbed.ids, np.diff(absorbed.start)), absorbed.born])
        seen = np.concatenate([absorbed.edges, begun])
        return cls(scan, before, track, seen, np.concatenate([absorbed.share, absorbed.alone[begun]]), born)

    @property
    def rank(self) -> tuple[float, str]:
        return self.scan.time, self.scan.sensor

    def join(self, piece: Detections) -> Ints:
        """More detections of this scan; returns their numbers in it."""
        had = len(self.scan.z)
        self.scan = self.scan.joined([piece])
        new = np.arange(had, len(self.scan.z))
        self.born = np.concatenate([self.born, np.full(len(new), -1, np.int64)])
        return new

    def amend(self, again: "Moment", tracks: Marks, mine: Marks) -> None:
        """What was found ``again`` in the place of what was known of these tracks and detections."""
        known = self.before.id[: self.before.count]
        self.before.replace(np.flatnonzero(tracks[slots(known, tracks)]), again.before)
        self.track, self.seen, self.share = exchanged(
            self.track, self.seen, self.share, tracks, again.track, again.seen, again.share
        )  # fmt: skip
        self.born[mine] = again.born[mine]

    def rename(self, old: Ints, new: Ints, changed: Marks) -> None:
        """``old`` (ascending) become ``new``; ``changed`` marks their slots."""
        for ids in (self.before.id, self.joins.id, self.track, self.born):
            exchange(ids, old, new, changed)


@kernel
def exchanged(
    track: Ints, seen: Ints, share: Floats, tracks: Marks, new_track: Ints, new_seen: Ints, new_share: Floats
) -> tuple[Ints, Ints, Floats]:
    """The edges of all tracks that are not marked, and the new ones behind them."""
    count, mask = len(track) + len(new_track), len(tracks) - 1
    ids, numbers, shares, used = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count), 0
    for e in range(len(track)):
        if not tracks[track[e] & mask]:
            ids[used], numbers[used], shares[used] = track[e], seen[e], share[e]
            used += 1
    last = used + len(new_track)
    ids[used:last], numbers[used:last], shares[used:last] = new_track, new_seen, new_share
    return ids[:last], numbers[:last], shares[:last]


def slots(ids: Ints, marks: Marks) -> Ints:
    """Places of ids in a table of marks, whose length is a power of two. Two ids may share one."""
    return ids & (len(marks) - 1)


def exchange(ids: Ints, old: Ints, new: Ints, changed: Marks) -> None:
    """In place: each of ``old`` (ascending) becomes its ``new``; ``changed`` marks their slots."""
    rows = np.flatnonzero(changed[slots(ids, changed)])
    rows = rows[np.isin(ids[rows], old)]
    ids[rows] = new[np.searchsorted(old, ids[rows])]


@kernel
def spread(track: Ints, seen: Ints, tracks: Marks, detections: Marks) -> None:
    """Mark all that hangs together by edges with what is marked. In the order of the scans."""
    count, mask, back, more = len(track), len(tracks) - 1, False, True
    while more:
        more = False
        for k in range(count):  # there and back: what hangs together over time does so in both directions
            e = count - 1 - k if back else k
            if tracks[track[e] & mask] != detections[seen[e]]:
                tracks[track[e] & mask] = detections[seen[e]] = more = True
        back = not back
