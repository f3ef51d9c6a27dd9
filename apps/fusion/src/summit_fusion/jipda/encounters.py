"""Encounters: notes on tracks that come so near each other that a scan cannot tell them apart; for `hindsight`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.layout import XX, XY, YY, Arrays, Floats, Ints, Marks
from summit_fusion.jipda.scan import Detections

NEAR = 6.0
"""Squared Mahalanobis distance of two places, chi-square with 2 degrees of freedom: 1 in 90 of one place lie further
apart."""
AHEAD_S = 0.7
"""Tracks that will be near each other within this time are."""
AFTER_S = 4.0
"""How long two tracks are watched after they last argued."""
LEAST = 0.01
"""Watched tracks that have less of a detection together do not have it."""


Noted = tuple[Ints, Ints, Marks, Floats, Floats, Floats, Floats, Ints, Ints, Floats, Floats, Floats, Floats, Floats]


class Notes(NamedTuple):
    """Of one scan or of many. ``pairs`` (k, 2): ids of tracks that are near each other. A row a watched track: ``id``,
    whether it is ``shown``, how probably it would be seen (``detect``), and its state as predicted to the scan. An edge
    a detection in its gate, first[r] to first[r + 1]: which one (``number`` in the scan), the ``share`` of the track,
    that of all tracks (``claimed``), and where, how well and how late it was seen."""

    pairs: Ints
    id: Ints
    shown: Marks
    detect: Floats
    mean: Floats
    cov: Floats
    cruise: Floats
    first: Ints
    number: Ints
    share: Floats
    claimed: Floats
    z: Floats
    noise: Floats
    lag: Floats


NOTHING = Notes(
    np.empty((0, 2), np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0), np.empty((0, 2, 4)),
    np.empty((0, 2, 10)), np.empty(0), np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0),
    np.empty((0, 2)), np.empty((0, 3)), np.empty(0),
)  # fmt: skip


@inlined
def apart(mean: Floats, cov: Floats, cruise: Floats, a: int, b: int) -> float:
    """Squared Mahalanobis distance between the places of the likelier models of two rows, when these are nearest."""
    m, k = int(cruise[a] < 0.5), int(cruise[b] < 0.5)
    xx, xy, yy = cov[a, m, XX] + cov[b, k, XX], cov[a, m, XY] + cov[b, k, XY], cov[a, m, YY] + cov[b, k, YY]
    x, y = mean[a, m, 0] - mean[b, k, 0], mean[a, m, 1] - mean[b, k, 1]
    u, v = mean[a, m, 2] - mean[b, k, 2], mean[a, m, 3] - mean[b, k, 3]
    ahead = min(AHEAD_S, max(0.0, -(x * u + y * v) / max(u * u + v * v, 1e-9)))
    x, y = x + ahead * u, y + ahead * v
    return float((yy * x * x - 2.0 * xy * x * y + xx * y * y) / (xx * yy - xy * xy))


@kernel
def rivals(
    start: Ints, edges: Ints, confirmed: Ints, detections: int, mean: Floats, cov: Floats, cruise: Floats
) -> Ints:
    """Rows of confirmed tracks, two by two, that are near each other and have a detection in both gates: each with the
    last one before it."""
    last, room, used = np.full(detections, -1, np.int64), 64, 0
    pairs = np.empty((room, 2), np.int64)
    for i in range(len(start) - 1):
        if confirmed[i] == 0:
            continue
        for e in range(start[i], start[i + 1]):
            before = last[edges[e]]
            last[edges[e]] = i
            if before < 0 or apart(mean, cov, cruise, before, i) > NEAR:
                continue
            if used == room:
                pairs, room = np.concatenate((pairs, np.empty_like(pairs))), 2 * room
            pairs[used, 0], pairs[used, 1] = before, i
            used += 1
    return pairs[:used]


@inlined
def group_of(company: Ints, leader: Ints, until: Floats, who: int, time: float) -> int:
    """The group that a track is in at a time, or -1."""
    group = company[who]
    if group < 0:
        return -1
    while leader[group] != group:
        group = leader[group]
    return group if until[group] >= time else -1


@kernel
def meet(company: Ints, leader: Ints, until: Floats, groups: int, a: int, b: int, time: float) -> int:
    """Two tracks are near each other: their groups become one, which lasts `AFTER_S` from now. ``company``: the group
    that each id came into last, ``leader`` the one that each group has become a part of; in place. Returns how many
    groups there have been."""
    first, second = group_of(company, leader, until, a, time), group_of(company, leader, until, b, time)
    if first < 0 and second < 0:
        leader[groups] = groups
        first, groups = groups, groups + 1
    elif first < 0:
        first = second
    elif second >= 0:
        leader[second] = first
    company[a] = company[b] = first
    until[first] = time + AFTER_S
    return groups


@kernel
def note(
    company: Ints, leader: Ints, until: Floats, groups: int, ids: Ints, existence: Floats, confirmed: Ints,
    detect: Floats, mean: Floats, cov: Floats, cruise: Floats, start: Ints, edges: Ints, share: Floats, alone: Floats,
    z: Floats, noise: Floats, lag: Floats, time: float, publish: float,
) -> tuple[int, Noted]:  # fmt: skip
    """How many groups there have been, and the `Notes` of a scan. The groups are as in `meet`."""
    pairs = ids[rivals(start, edges, confirmed, len(z), mean, cov, cruise).ravel()].reshape(-1, 2)
    for k in range(len(pairs)):
        groups = meet(company, leader, until, groups, pairs[k, 0], pairs[k, 1], time)
    rows, count, room = np.empty(len(start) - 1, np.int64), 0, 0
    for i in range(len(start) - 1):
        if group_of(company, leader, until, ids[i], time) >= 0:
            rows[count] = i
            count += 1
            room += start[i + 1] - start[i]
    rows, seen, first, used = rows[:count], np.empty(room, np.int64), np.zeros(count + 1, np.int64), 0
    for r in range(count):
        for e in range(start[rows[r]], start[rows[r] + 1]):
            seen[used] = e
            used += 1
        first[r + 1] = used
    number, shown = edges[seen], np.empty(count, np.bool_)
    for k in range(count):
        shown[k] = confirmed[rows[k]] == 1 and existence[rows[k]] > publish
    found = (
        pairs, ids[rows], shown, detect[rows], mean[rows], cov[rows], cruise[rows], first, number, share[seen],
        1.0 - alone[number], z[number], noise[number], lag[number],
    )  # fmt: skip
    return groups, found


class Watch:
    """What a tracker notes of encounters while it goes (`JipdaTracker.watch`)."""

    def __init__(self, publish: float) -> None:
        self.publish = publish
        self.forget()
        self._company, self._groups = np.full(1024, -1), 0
        self._leader, self._until = np.zeros(1024, np.int64), np.empty(1024)

    def forget(self) -> None:
        """Begin anew; who is watched stays so."""
        self.times: list[float] = []
        self.background: list[float] = []
        self.notes: list[Notes] = []

    def see(
        self, tracks: Arrays, scan: Detections, background: float, detect: Floats, start: Ints, edges: Ints,
        share: Floats, alone: Floats,
    ) -> None:  # fmt: skip
        """Between association and update. ``background``: false and new detections a square metre."""
        t = tracks
        ids = t.id[: t.count]
        most = int(ids.max(initial=0))
        if most >= len(self._company):
            self._company = np.concatenate([self._company, np.full(most + 1, -1)])
        if self._groups + t.count > len(self._leader):
            self._leader = np.concatenate([self._leader, np.zeros(self._groups + t.count, np.int64)])
            self._until = np.concatenate([self._until, np.empty(self._groups + t.count)])
        self._groups, found = note(
            self._company, self._leader, self._until, self._groups, ids, t.existence, t.confirmed, detect, t.mean,
            t.cov, t.cruise, start, edges, share, alone, scan.z, scan.noise, scan.at - scan.time, scan.time,
            self.publish,
        )  # fmt: skip
        self.times.append(scan.time)
        self.background.append(background)
        self.notes.append(Notes(*found))


def joined(notes: Sequence[Notes]) -> tuple[Notes, Ints, Ints]:
    """All in one, the rows of scan s from ``rows[s]`` on; and the scan of each pair."""
    notes = notes or [NOTHING]
    columns = {name: np.concatenate([getattr(one, name) for one in notes]) for name in Notes._fields if name != "first"}
    edges = np.cumsum([0, *(len(one.number) for one in notes)])
    first = np.concatenate([*(one.first[:-1] + edges[s] for s, one in enumerate(notes)), edges[-1:]])
    rows = np.cumsum([0, *(len(one.id) for one in notes)])
    return Notes(first=first, **columns), rows, np.repeat(np.arange(len(notes)), [len(one.pairs) for one in notes])


@kernel
def regroup(pairs: Ints, times: Floats, ids: int) -> Ints:
    """The group of each pair of tracks that met at ``times``, which ascend (`meet`)."""
    company, leader, until = np.full(ids, -1), np.empty(len(pairs), np.int64), np.empty(len(pairs))
    group, groups = np.empty(len(pairs), np.int64), 0
    for k in range(len(pairs)):
        groups = meet(company, leader, until, groups, pairs[k, 0], pairs[k, 1], times[k])
        group[k] = company[pairs[k, 0]]
    for k in range(len(pairs)):
        while leader[group[k]] != group[k]:
            group[k] = leader[group[k]]
    return group
