"""The tracker: predict, gate, associate, update, initiate, delete. One scan after the other, in order of time."""

from dataclasses import dataclass

import numpy as np

from summit_fusion.jipda.associate import associate, weigh
from summit_fusion.jipda.gate import gate
from summit_fusion.jipda.layout import COLUMNS, FULL, Arrays, Floats, Ints
from summit_fusion.jipda.life import initiate, judge
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
        t, s = self.tracks, self.settings
        t.make_room(len(scan.z))
        predict(t.mean, t.cov, t.cruise, t.existence, t.at, t.count, scan.time, self._motion)
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
        self._live(scan, start, share, alone, lag)

    def _live(self, scan: Detections, start: Ints, share: Floats, alone: Floats, lag: Floats) -> None:
        t, before = self.tracks, self.tracks.count
        t.count = initiate(
            t.mean, t.cov, t.cruise, t.existence, t.at, t.hits, t.id, t.confirmed, t.seen_at, before,
            scan.z, scan.noise, lag, scan.time, alone, self._birth, self.next_id,
        )  # fmt: skip
        self.next_id += t.count - before
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
