"""The tracker: predict, gate, associate, update, initiate, delete. One scan after the other, in order of time."""

from dataclasses import dataclass

import numpy as np

from summit_fusion.jipda.associate import associate, weigh
from summit_fusion.jipda.gate import gate
from summit_fusion.jipda.layout import COLUMNS, FULL, Arrays, Floats, Ints, Marks
from summit_fusion.jipda.life import UNEXPLAINED, initiate, judge
from summit_fusion.jipda.predict import predict
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import TrackerSettings
from summit_fusion.jipda.update import update


@dataclass(frozen=True, slots=True)
class Estimate:
    """Published tracks at one time: ``mean`` (n, 4), ``cov`` (n, 4, 4), ``existence`` (n,), ``id`` (n,)."""

    time: float
    id: Ints
    mean: Floats
    cov: Floats
    existence: Floats


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What became of a scan: the tracks before it, the edges between them and its detections (those of track ``ids[i]``
    are start[i] to start[i + 1]) with their marginal probabilities, and the tracks that began, in the order of the
    detections whose ``alone`` is above a half."""

    ids: Ints
    start: Ints
    edges: Ints
    share: Floats
    alone: Floats
    born: Ints


class JipdaTracker:
    """No randomness and no clock: the same scans in the same order give the same tracks, bit by bit."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self.tracks = Arrays.empty()
        self.next_id = 0
        motion, s = self.settings.motion, self.settings
        self._motion = np.array(
            [motion.q_cruise, motion.q_manoeuvre, motion.stay_cruise_s, motion.stay_manoeuvre_s, s.mean_life_s]
        )
        self._birth = np.array([s.birth_existence, motion.speed_sigma_mps**2, motion.cruises])
        self._thresholds = np.array([s.confirm, float(s.confirm_hits), s.delete_tentative, s.delete_confirmed])

    def step(self, scan: Detections) -> None:
        """Take in one scan; its time must not be before the last one."""
        self.predict(scan.time)
        self.absorb(scan)

    def predict(self, time: float) -> None:
        t = self.tracks
        predict(t.mean, t.cov, t.cruise, t.existence, t.at, t.count, time, self._motion)

    def absorb(self, scan: Detections, mine: Marks | None = None, names: Ints | None = None) -> "Absorbed":
        """Update with a scan at the time that the tracks are predicted to.

        ``mine``: the detections at which a track may begin, None means all. ``names``: the id that a track has which
        begins at each, or -1 for the next free one.
        """
        t, s = self.tracks, self.settings
        t.make_room(len(scan.z) if mine is None else int(mine.sum()))
        lag = scan.at - scan.time
        start, edges, values = gate(t.mean, t.cov, t.count, scan.z, scan.noise, lag, s.gate)
        detect = scan.probability(t.mean[: t.count, 0, :2])
        background = scan.clutter + s.birth_density
        psi, missed = weigh(start, values, t.cruise, t.existence, detect, background, t.count)
        share, none, alone = associate(start, edges, psi, missed, len(scan.z))
        update(
            t.mean, t.cov, t.cruise, t.existence, detect, start, edges, values, share, none,
            scan.z, scan.noise, lag,
        )  # fmt: skip
        if mine is not None:
            alone[~mine] = 0.0
        ids, first = t.id[: t.count].copy(), t.count
        self._initiate(scan, alone, lag, names)
        born = t.id[first : t.count].copy()
        if scan.key is not None:
            t.arrange(first)
        self._judge(scan, start, share)
        return Absorbed(ids, start, edges, share, alone, born)

    def _initiate(self, scan: Detections, alone: Floats, lag: Floats, names: Ints | None) -> None:
        t, before = self.tracks, self.tracks.count
        t.count = initiate(
            t.mean, t.cov, t.cruise, t.existence, t.at, t.hits, t.id, t.confirmed, t.seen_at, before,
            scan.z, scan.noise, lag, scan.time, alone, self._birth, self.next_id,
        )  # fmt: skip
        if scan.key is None:
            self.next_id += t.count - before
            return
        begun = np.flatnonzero(alone > UNEXPLAINED)
        t.born[before : t.count], t.origin[before : t.count] = scan.time, scan.key[begun]
        if names is None:
            self.next_id += len(begun)
            return
        known = names[begun]
        nameless = np.flatnonzero(known < 0)
        known[nameless] = self.next_id + np.arange(len(nameless))
        self.next_id += len(nameless)
        t.id[before : t.count] = known

    def _judge(self, scan: Detections, start: Ints, share: Floats) -> None:
        t = self.tracks
        keep = np.empty(t.count, np.int64)
        alive = judge(
            t.existence, t.hits, t.confirmed, t.seen_at, start, share, scan.time, self._thresholds, keep, t.count
        )
        if alive < t.count:
            for name in COLUMNS:
                column = getattr(t, name)
                column[:alive] = column[keep[:alive]]
            t.count = alive

    def estimate(self, time: float) -> Estimate:
        """The confirmed tracks that exist probably enough to be shown, predicted to ``time``."""
        t = self.tracks
        shown = (t.confirmed[: t.count] == 1) & (t.existence[: t.count] > self.settings.publish)
        rows = np.flatnonzero(shown)
        mean, cov, cruise = t.mean[rows], t.cov[rows], t.cruise[rows]
        existence, at = t.existence[rows], t.at[rows]
        predict(mean, cov, cruise, existence, at, len(rows), time, self._motion)
        weight = np.stack([cruise, 1.0 - cruise], 1)
        centre = np.einsum("im,imk->ik", weight, mean)
        off = mean - centre[:, None, :]
        spread = np.einsum("im,imj,imk->ijk", weight, off, off)
        whole = np.einsum("im,imk->ik", weight, cov)[:, FULL] + spread
        return Estimate(time, t.id[rows].copy(), centre, whole, existence)
