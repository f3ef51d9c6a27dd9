"""The pictures of a whole recording, each with what came before it and after it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from summit_fusion.jipda import Detections, Estimate, JipdaTracker, TrackerSettings
from summit_fusion.jipda.chronicle import Chronicle
from summit_fusion.jipda.fit import fitted, told
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import History, Smoothed, smooth
from summit_fusion.jipda.stitch import learnt, stitch
from summit_fusion.jipda.surveillance import sought

FEW = 3
"""Reports that are a track, however far apart."""
BLOCK = 300
"""Pictures made at a time."""
SHOWN_SIGMA_M = 250.0
"""Root of the trace of the position's covariance above which nobody knows the place between two reports, metres: an
aircraft that circles has that in a silence of half a minute to a minute."""


@dataclass(slots=True)
class Recording:
    """The tracker, and what it made of the scans; ``motion``: what is assumed of the targets, until `settle` has found
    what the recording says; ``silence_s``: the longest that a target may be unheard of; ``edge_s``: shown before the
    first and after the last report; ``count``: detections."""

    tracker: JipdaTracker
    motion: Motion
    silence_s: float
    edge_s: float
    chronicle: Chronicle = field(default_factory=Chronicle)
    count: int = 0
    shown: set[int] = field(default_factory=set)
    histories: dict[int, History] = field(default_factory=dict)
    tracks: dict[int, Smoothed] = field(default_factory=dict)

    def step(self, scan: Detections) -> None:
        self.chronicle.note(scan, self.tracker.step(scan))
        self.count += len(scan.z)
        t = self.tracker.tracks
        self.shown.update(t.id[: t.count][t.confirmed[: t.count] == 1].tolist())

    def settle(self) -> None:
        """After the last scan: whose each report is, of every track that was ever confirmed, and how they moved."""
        histories = self.chronicle.histories()
        self.motion = fitted([one for key, one in histories.items() if key in self.shown], self.motion)
        if math.isfinite(self.silence_s):
            histories = self._stitched(histories)
        self.histories = {key: one for key, one in histories.items() if key in self.shown}

    def smooth(self) -> None:
        """After that: where they were."""
        found = smooth(list(self.histories.values()), self.motion)
        self.tracks = dict(zip(self.histories, found, strict=True))

    def told(self, motion: Motion) -> float:
        """How likely it is that the recording came of these tracks; a logarithm."""
        return told(list(self.histories.values()), self.count, motion)

    def _stitched(self, histories: dict[int, History]) -> dict[int, History]:
        """Those of one target as one, by the first of their ids."""
        keys, pieces = list(histories), smooth(list(histories.values()), self.motion)
        drift = learnt([one for key, one in zip(keys, pieces, strict=True) if key in self.shown], self.silence_s)
        if drift is None:
            return histories
        found = {}
        for chain in stitch(pieces, drift, self.silence_s):
            whole = History.joined([pieces[k].history for k in chain])
            if len(whole.at) >= FEW or any(keys[k] in self.shown for k in chain):
                self.shown.add(keys[chain[0]])
            found[keys[chain[0]]] = whole
        return found

    def pictures(self, times: Floats) -> Iterator[Estimate]:
        """At each of the times, which ascend."""
        for begin in range(0, len(times), BLOCK):
            yield from self._block(times[begin : begin + BLOCK])

    def _block(self, times: Floats) -> Iterator[Estimate]:
        rows, keys = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        means, covs = [np.empty((0, 4))], [np.empty((0, 4, 4))]
        for key, one in self.tracks.items():
            first, last = one.history.at[0] - self.edge_s, one.history.at[-1] + self.edge_s
            row = np.arange(np.searchsorted(times, first), np.searchsorted(times, last, side="right"))
            if len(row):
                mean, cov = one.at(times[row])
                sharp = cov[:, 0, 0] + cov[:, 1, 1] <= SHOWN_SIGMA_M**2
                rows.append(row[sharp])
                keys.append(np.full(int(sharp.sum()), key))
                means.append(mean[sharp])
                covs.append(cov[sharp])
        where, ids = np.concatenate(rows), np.concatenate(keys)
        mean, cov = np.concatenate(means), np.concatenate(covs)
        for k, time in enumerate(times):
            of = np.flatnonzero(where == k)
            yield Estimate(float(time), ids[of], mean[of], cov[of], np.ones(len(of)))


def likelier(take: Callable[[Recording], None], settings: TrackerSettings, every_s: float) -> Recording:
    """Of targets that report themselves: ``take`` steps a recording through all scans and settles it. Twice: with any
    turn allowed, and as the targets were then found to move, which tells those apart that fly together. The second
    loses who turns as nobody else does, so the one that makes the reports likelier counts."""
    wide = sought(settings, every_s)

    def taken(motion: Motion) -> Recording:
        tracker = JipdaTracker(replace(wide, motion=motion))
        recording = Recording(tracker, settings.motion, settings.forget_s, every_s / 2.0)
        take(recording)
        return recording

    first = taken(wide.motion)
    return max(first, taken(first.motion), key=lambda one: one.told(first.motion))
