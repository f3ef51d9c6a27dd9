"""Hindsight: where targets came near each other, who was who and where is told by what came afterwards as well.

The tracks of an encounter are taken together from the scan at which they come near each other until a few seconds after
the last one at which they are. The likeliest assignment of all these scans (`hypotheses`) tells which detections each
target had; smoothed over them (`lookback`) it says where it was, and which track goes on with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.encounters import AFTER_S, LEAST, Watch, joined, regroup
from summit_fusion.jipda.hypotheses import CHILDREN, follow, ways
from summit_fusion.jipda.layout import Floats, Ints, Marks
from summit_fusion.jipda.lookback import invert, smoothed, whole
from summit_fusion.jipda.presets import motion_row
from summit_fusion.jipda.tracker import Estimate, JipdaTracker

MOST_TARGETS: Final = 4
"""A crowd of more is left as the tracker saw it."""
LARGEST: Final = 16
"""Tracks, with those that are not shown in the end."""
MOST_SEEN: Final = 8
"""Detections in a scan."""
CALM_S: Final = 1.5
"""An encounter may end so long after its last meeting, when nothing about it is open."""
LIKELIER: Final = 1.0
"""A track goes on with another target when that is so much nearer to it (squared Mahalanobis distance)."""
FAR: Final = 50.0
NEVER: Final = -1e9
PICTURE: Final = -2


class Hindsight:
    """Pictures of a tracker that is watched from now on."""

    def __init__(self, tracker: JipdaTracker) -> None:
        self.tracker = tracker
        self.pictures: list[Estimate] = []
        self._watch = tracker.watch = Watch(tracker.settings.publish)
        self._name = np.arange(1024)

    @property
    def rows(self) -> int:
        """How much is kept."""
        return sum(len(one.id) for one in self.pictures)

    def show(self, time: float) -> None:
        self.pictures.append(self.tracker.estimate(time))

    def amended(self) -> list[Estimate]:
        """The pictures since the last call. What happens afterwards changes them no more, so an encounter that is
        under way is seen in two parts."""
        pictures, self.pictures = self.pictures, []
        notes, rows, index = joined(self._watch.notes)
        pairs, times = notes.pairs, np.array(self._watch.times)
        known = np.zeros(self.tracker.next_id, np.bool_)
        known[notes.id[notes.shown]] = True
        both = known[pairs].all(1)
        group = regroup(pairs[both], times[index[both]], len(known))
        order = np.argsort(group, kind="stable")
        picture, who, mean, cov, swap_at, was, becomes = resolve(
            pairs[both][order], index[both][order], group[order], times, np.array(self._watch.background),
            np.array([one.time for one in pictures]), rows, *notes[1:], motion_row(self.tracker.settings),
        )  # fmt: skip
        self._watch.forget()
        _correct(pictures, picture, who, mean, cov)
        return self._renamed(pictures, swap_at, was, becomes)

    def _renamed(self, pictures: list[Estimate], swap_at: Floats, was: Ints, becomes: Ints) -> list[Estimate]:
        """From each of the times on, ``becomes`` goes on with what ``was`` was."""
        name, order, done = self._name, np.argsort(swap_at, kind="stable"), 0
        if len(name) < self.tracker.next_id:
            name = self._name = np.concatenate([name, np.arange(len(name), 2 * self.tracker.next_id)])
        swap_at, was, becomes = swap_at[order], was[order], becomes[order]
        shown = []
        for time, one in [*((one.time, one) for one in pictures), (np.inf, None)]:
            while done < len(swap_at) and swap_at[done] < time:
                now = slice(done, int(np.searchsorted(swap_at, swap_at[done], side="right")))
                name[becomes[now]] = name[was[now]]
                done = now.stop
            if one is not None:
                shown.append(replace(one, id=name[one.id]))
        return shown


@kernel
def row_of(ids: Ints, rows: Ints, s: int, who: int) -> int:
    """The row of a track in the notes of a scan, or -1."""
    k = rows[s] + np.searchsorted(ids[rows[s] : rows[s + 1]], who)
    return k if k < rows[s + 1] and ids[k] == who else -1


@kernel
def members_of(pair: Ints, room: Ints) -> int:
    """Write the different ids of some pairs; returns how many, one more than there is room for when they are more."""
    count = 0
    for k in range(len(pair)):
        for side in range(2):
            known = False
            for m in range(count):
                known |= room[m] == pair[k, side]
            if not known:
                if count == len(room):
                    return count + 1
                room[count] = pair[k, side]
                count += 1
    return count


@kernel
def gather(
    place: Ints, first: Ints, number: Ints, share: Floats, claimed: Floats, background: Floats
) -> tuple[Ints, Ints, Floats]:
    """The detections that some tracks have in their gates, ``place`` (scans, n) being their rows in the notes: where
    those of each scan begin, the edge of each, and its odds (`hypotheses.follow`) without those of being seen."""
    scans, n = place.shape
    begins, seen, used = np.zeros(scans + 1, np.int64), np.empty(MOST_SEEN * scans, np.int64), 0
    odds, own = np.empty(MOST_SEEN * scans), np.empty(MOST_SEEN * scans)
    for s in range(scans):
        here = used
        for i in range(n):
            if place[s, i] < 0:
                continue
            for e in range(first[place[s, i]], first[place[s, i] + 1]):
                k = here
                while k < used and number[seen[k]] != number[e]:
                    k += 1
                if k == used:
                    if used - here == MOST_SEEN:
                        continue
                    seen[k], own[k] = e, 0.0
                    used += 1
                own[k] += share[e]
        kept = here
        for k in range(here, used):
            if own[k] >= LEAST:
                others = min(1.0 - LEAST, max(0.0, claimed[seen[k]] - own[k]))
                seen[kept], odds[kept] = seen[k], (1.0 - others) / background[s]
                kept += 1
        used = kept
        begins[s + 1] = used
    return begins, seen[:used], odds[:used]


@kernel
def muster(
    crowd: Ints, count: int, begin: int, scans: int, ids: Ints, rows: Ints, shown: Marks
) -> tuple[int, Ints, Ints, Ints]:
    """Those of the first ``count`` of ``crowd`` that are shown when they are last noted, moved to its front. Returns
    how many, their row in the notes of each scan (scans, n) or -1, and the first and the last scan that has one."""
    place, n = np.empty((scans, count), np.int64), 0
    joins, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(count):
        joins[n], ends[n], known = scans, -1, False
        for s in range(scans):
            row = row_of(ids, rows, begin + s, crowd[k])
            place[s, n] = row
            if row >= 0:
                joins[n], ends[n], known = min(joins[n], s), s, shown[row]
        if known:
            crowd[n] = crowd[k]
            n += 1
    return n, np.ascontiguousarray(place[:, :n]), joins[:n], ends[:n]


@kernel
def timeline(times: Floats, way: Ints, shown_at: Floats, i: int, first: int, last: int) -> tuple[Floats, Ints]:
    """Scans ``first`` to ``last`` of target i and the pictures between them in the order of time: when, and the row of
    the detection it had, or `PICTURE` less the number of the picture."""
    p, until = np.searchsorted(shown_at, times[first]), np.searchsorted(shown_at, times[last], side="right")
    steps, s = last - first + 1 + until - p, first
    at, mine = np.empty(steps), np.empty(steps, np.int64)
    for k in range(steps):
        if p < until and (s > last or shown_at[p] < times[s]):
            at[k], mine[k] = shown_at[p], PICTURE - p
            p += 1
        else:
            at[k], mine[k] = times[s], way[s, i]
            s += 1
    return at, mine


@kernel
def heirs(
    joins: Ints, ends: Ints, place: Ints, found: Floats, found_cov: Floats, mean: Floats, cov: Floats, cruise: Floats
) -> Ints:
    """Which track goes on with each target: number k of them all with target i when ``heirs[i]`` is k.

    Compared are the smoothed target and the track as predicted, where both were noted last."""
    n = len(ends)
    score, state, spread = np.full((n, 1 + n), -FAR), np.empty(4), np.empty((4, 4))
    inverse = np.empty((4, 4))
    for i in range(n):
        score[i, 0] = NEVER
        for k in range(n):
            s = min(ends[i], ends[k])
            if s < joins[i] or place[s, k] < 0:
                continue
            whole(mean, cov, cruise, place[s, k], state, spread)
            spread += found_cov[i, s]
            invert(spread, inverse)
            distance = 0.0
            for a in range(4):
                for b in range(4):
                    distance += (state[a] - found[i, s, a]) * inverse[a, b] * (state[b] - found[i, s, b])
            score[i, 1 + k] = -min(FAR, distance)
    own = 0.0
    for i in range(n):
        own += score[i, 1 + i]
    options, weights = np.empty((CHILDREN, n), np.int64), np.empty(CHILDREN)
    here, digit, total, peak = np.ones(n, np.int64), np.empty(n, np.int64), np.empty(n + 1), np.empty(n)
    used = ways(score, here, n, 0.0, own + LIKELIER, options, weights, 0, digit, total, peak)
    return np.arange(n) if used == 0 else options[np.argmax(weights[:used])] - 1


@kernel
def review(
    place: Ints, joins: Ints, ends: Ints, times: Floats, calm: float, background: Floats, shown_at: Floats,
    detect: Floats, mean: Floats, cov: Floats, cruise: Floats, first: Ints, number: Ints, share: Floats,
    claimed: Floats, z: Floats, noise: Floats, lag: Floats, motion: Floats,
) -> tuple[Ints, Ints, Floats, Floats, Ints, int]:  # fmt: skip
    """One encounter: the target and the picture of each place that is corrected, its mean and covariance; the heirs;
    and how many of the scans it took."""
    n = len(joins)
    begins, seen, odds = gather(place, first, number, share, claimed, background)
    chance, start = np.zeros(place.shape), np.empty(n, np.int64)
    for i in range(n):
        start[i] = place[joins[i], i]
        for s in range(len(place)):
            if place[s, i] >= 0:
                chance[s, i] = detect[place[s, i]]
    z, noise, lag = z[seen], noise[seen], lag[seen]
    way = follow(
        mean[start], cov[start], cruise[start], joins, times, chance, begins, odds, z, noise, lag, motion, calm
    )
    scans, room, used = len(way), n * len(shown_at), 0
    found, found_cov = np.empty((n, scans, 4)), np.empty((n, scans, 4, 4))
    target, picture = np.empty(room, np.int64), np.empty(room, np.int64)
    to_mean, to_cov = np.empty((room, 4)), np.empty((room, 4, 4))
    ends = np.minimum(ends, scans - 1)
    state, spread, first_model = mean[start], cov[start], cruise[start]
    for i in range(n):
        at, mine = timeline(times, way, shown_at, i, joins[i], ends[i])
        one, one_cov = smoothed(state, spread, first_model, i, at, mine, z, noise, lag, motion)
        s = joins[i]
        for k in range(len(at)):
            if mine[k] <= PICTURE:
                target[used], picture[used], to_mean[used], to_cov[used] = i, PICTURE - mine[k], one[k], one_cov[k]
                used += 1
            else:
                found[i, s], found_cov[i, s] = one[k], one_cov[k]
                s += 1
    heir = heirs(joins, ends, place, found, found_cov, mean, cov, cruise)
    return target[:used], picture[:used], to_mean[:used], to_cov[:used], heir, scans


@kernel
def resolve(
    pair: Ints, index: Ints, group: Ints, times: Floats, background: Floats, shown_at: Floats, rows: Ints,
    ids: Ints, shown: Marks, detect: Floats, mean: Floats, cov: Floats, cruise: Floats, first: Ints, number: Ints,
    share: Floats, claimed: Floats, z: Floats, noise: Floats, lag: Floats, motion: Floats,
) -> tuple[Ints, Ints, Floats, Floats, Floats, Ints, Ints]:  # fmt: skip
    """All encounters: ``pair`` (k, 2) ids that met in scan ``index``, in the order of their groups and of time; the
    others as in `Notes`.

    Returns the picture and the track of each place that is corrected, its mean and covariance; and when which track
    goes on with which other one's identity."""
    room, used, swaps, g = 256, 0, 0, 0
    picture, who = np.empty(room, np.int64), np.empty(room, np.int64)
    to_mean, to_cov = np.empty((room, 4)), np.empty((room, 4, 4))
    swap_at, was, becomes = np.empty(pair.size), np.empty(pair.size, np.int64), np.empty(pair.size, np.int64)
    crowd = np.empty(LARGEST, np.int64)
    while g < len(pair):
        begin, from_pair = index[g], g
        while g < len(pair) and group[g] == group[from_pair]:
            g += 1
        met = times[index[g - 1]]
        end = np.searchsorted(times, met + AFTER_S, side="right")
        count = members_of(pair[from_pair:g], crowd)
        if count > LARGEST:
            continue
        n, place, joins, ends = muster(crowd, count, begin, end - begin, ids, rows, shown)
        if n < 2 or n > MOST_TARGETS:
            continue
        p, until = np.searchsorted(shown_at, times[begin]), np.searchsorted(shown_at, times[end - 1], side="right")
        target, which, one, one_cov, heir, scans = review(
            place, joins, ends, times[begin:end], met + CALM_S, background[begin:end], shown_at[p:until], detect,
            mean, cov, cruise, first, number, share, claimed, z, noise, lag, motion,
        )  # fmt: skip
        while used + len(target) > room:
            picture, who = np.concatenate((picture, np.empty_like(picture))), np.concatenate((who, np.empty_like(who)))
            to_mean = np.concatenate((to_mean, np.empty_like(to_mean)))
            to_cov = np.concatenate((to_cov, np.empty_like(to_cov)))
            room *= 2
        to = used + len(target)
        picture[used:to], who[used:to] = p + which, crowd[target]
        to_mean[used:to], to_cov[used:to], used = one, one_cov, to
        for i in range(n):
            if heir[i] != i:
                swap_at[swaps], was[swaps], becomes[swaps] = times[begin + scans - 1], crowd[i], crowd[heir[i]]
                swaps += 1
    return picture[:used], who[:used], to_mean[:used], to_cov[:used], swap_at[:swaps], was[:swaps], becomes[:swaps]


def _correct(pictures: Sequence[Estimate], picture: Ints, who: Ints, mean: Floats, cov: Floats) -> None:
    order = np.argsort(picture, kind="stable")
    picture, who, mean, cov = picture[order], who[order], mean[order], cov[order]
    bounds = np.searchsorted(picture, np.arange(len(pictures) + 1))
    for p, one in enumerate(pictures):
        mine = slice(bounds[p], bounds[p + 1])
        if mine.start == mine.stop or not len(one.id):
            continue
        row = np.minimum(np.searchsorted(one.id, who[mine]), len(one.id) - 1)
        there = one.id[row] == who[mine]
        one.mean[row[there]], one.cov[row[there]] = mean[mine][there], cov[mine][there]
