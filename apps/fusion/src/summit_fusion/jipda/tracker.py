"""The tracker: predict, gate, associate, update, initiate, delete. One scan after the other, in order of time."""

import math
from dataclasses import dataclass

import numpy as np

from summit_fusion.jipda.associate import associate, weigh
from summit_fusion.jipda.bearing import Bearings, absorb_bearings
from summit_fusion.jipda.coalesce import keep_apart
from summit_fusion.jipda.encounters import Watch
from summit_fusion.jipda.evidence import NO_PRESETS, Evidence, Knowledge, presets_of
from summit_fusion.jipda.gate import file_scan, gate_filed
from summit_fusion.jipda.layout import FULL, Arrays, Floats, Ints, Marks
from summit_fusion.jipda.life import UNEXPLAINED, compact, initiate, judge
from summit_fusion.jipda.predict import predict
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import TrackerSettings
from summit_fusion.jipda.update import update

REAPPEARS = 0.05
"""Least probability in a scan that a target which exists is seen, however long it has been silent."""

Filed = tuple[Ints, Ints, Floats, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Published tracks at one time: ``mean`` (n, 4), ``cov`` (n, 4, 4), ``existence`` (n,), ``id`` (n,)."""

    time: float
    id: Ints
    mean: Floats
    cov: Floats
    existence: Floats
    knowledge: Knowledge | None = None
    """Heights, identities and classes, when anything was ever told of these."""


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
        self.watch: Watch | None = None
        """Is shown what each scan may be of; for `hindsight`."""
        self.filed: dict[tuple[float, str], tuple[Detections, Filed]] | None = None
        """What the gate made of each scan; for those who take in scans again."""
        motion, s = self.settings.motion, self.settings
        self.evidence = Evidence(s)
        slow, fast = motion.speed_sigma_mps**2, motion.fastest_sigma_mps**2
        self._birth = np.array([s.birth_existence, slow, motion.cruises, fast])
        self._thresholds = np.array([s.confirm, float(s.confirm_hits), s.delete_tentative, s.delete_confirmed])

    def alike(self) -> "JipdaTracker":
        """An empty one with the same assumptions."""
        return type(self)(self.settings)

    def step(self, scan: Detections) -> "Absorbed | None":
        """Take in one scan; its time must not be before the last one. A scan of no time moves nothing."""
        if not scan.of_a_time:
            return None
        self.predict(scan.time)
        return self.absorb(scan)

    def predict(self, time: float) -> None:
        t = self.tracks
        preset = presets_of(t.known[: t.count]) if t.tell_more else NO_PRESETS
        predict(t.mean, t.cov, t.cruise, t.existence, t.at, t.count, time, self.evidence.motions, preset)

    def absorb_bearings(self, scan: Bearings) -> Floats:
        """Update with a camera's scan at the time that the tracks are predicted to; returns the probability of each
        bearing that it is of no known track. Nothing begins at a bearing, and nothing ends: the next scan judges."""
        return absorb_bearings(self.tracks, scan)

    def absorb(self, scan: Detections, mine: Marks | None = None, names: Ints | None = None) -> "Absorbed":
        """Update with a scan at the time that the tracks are predicted to.

        ``mine``: the detections at which a track may begin, None means all. ``names``: the id that a track has which
        begins at each, or -1 for the next free one.
        """
        t, s = self.tracks, self.settings
        t.make_room(len(scan.z) if mine is None else int(mine.sum()))
        lag = scan.at - scan.time
        start, edges, values = gate_filed(
            t.mean, t.cov, t.count, scan.z, scan.noise, lag, s.gate, *self._file(scan)
        )  # fmt: skip
        detect = scan.probability(t.mean[: t.count, 0, :2])
        if s.silence_s < math.inf:
            silent = scan.time - t.seen_at[: t.count]
            detect *= np.maximum(np.exp(-silent / s.silence_s), REAPPEARS)
            t.existence[: t.count][silent > s.forget_s] = 0.0
        background = scan.clutter + s.birth_density
        psi, missed = weigh(start, values, t.cruise, t.existence, detect, background, t.count)
        if scan.clutter_at is not None:
            local = np.where(np.isnan(scan.clutter_at), scan.clutter, scan.clutter_at)
            psi *= (background / (local + s.birth_density))[edges]
        tells_more = scan.tells_more
        if tells_more:
            self.evidence.weigh(t, scan, lag, start, edges, psi)
        share, none, alone = associate(start, edges, psi, missed, len(scan.z))
        if self.watch is not None:
            self.watch.see(t, scan, background, detect, start, edges, share, alone)
        keep_apart(start, edges, psi, share, t.count, len(scan.z))
        update(
            t.mean, t.cov, t.cruise, t.existence, detect, start, edges, values, share, none,
            scan.z, scan.noise, lag,
        )  # fmt: skip
        if tells_more:
            self.evidence.learn(t, scan, lag, start, edges, share)
        if mine is not None:
            alone[~mine] = 0.0
        ids, first = t.id[: t.count].copy(), t.count
        self._initiate(scan, alone, lag, names)
        born = t.id[first : t.count].copy()
        if scan.key is not None:
            t.arrange(first)
        self._judge(scan, start, share)
        return Absorbed(ids, start, edges, share, alone, born)

    def _file(self, scan: Detections) -> Filed:
        """Its detections by cells, made once for all trackers that share ``filed``."""
        if self.filed is None:
            return file_scan(scan.z, scan.noise, self.settings.gate)
        rank = (scan.time, scan.sensor)
        known = self.filed.get(rank)
        if known is None or known[0] is not scan:
            known = self.filed[rank] = (scan, file_scan(scan.z, scan.noise, self.settings.gate))
        return known[1]

    def _initiate(self, scan: Detections, alone: Floats, lag: Floats, names: Ints | None) -> None:
        t, before = self.tracks, self.tracks.count
        t.count = initiate(
            t.mean, t.cov, t.cruise, t.existence, t.at, t.hits, t.id, t.confirmed, t.seen_at, before,
            scan.z, scan.noise, lag, scan.time, alone, self._birth, self.next_id,
        )  # fmt: skip
        if t.tell_more:
            self.evidence.begin(t, before, scan, lag, np.flatnonzero(alone > UNEXPLAINED))
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
            compact(
                t.mean, t.cov, t.cruise, t.existence, t.at, t.hits, t.id, t.confirmed, t.seen_at, t.born, t.origin,
                keep, alive,
            )  # fmt: skip
            if t.tell_more:
                t.known[:alive] = t.known[keep[:alive]]
            t.count = alive

    def estimate(self, time: float) -> Estimate:
        """The confirmed tracks that exist probably enough to be shown, predicted to ``time``."""
        t = self.tracks
        shown = (t.confirmed[: t.count] == 1) & (t.existence[: t.count] > self.settings.publish)
        if self.settings.publish_s < math.inf:
            shown &= time - t.seen_at[: t.count] <= self.settings.publish_s
        rows = np.flatnonzero(shown)
        mean, cov, cruise = t.mean[rows], t.cov[rows], t.cruise[rows]
        existence, at = t.existence[rows], t.at[rows]
        preset = presets_of(t.known[rows])
        predict(mean, cov, cruise, existence, at, len(rows), time, self.evidence.motions, preset)
        weight = np.stack([cruise, 1.0 - cruise], 1)
        centre = np.einsum("im,imk->ik", weight, mean)
        off = mean - centre[:, None, :]
        spread = np.einsum("im,imj,imk->ijk", weight, off, off)
        whole = np.einsum("im,imk->ik", weight, cov)[:, FULL] + spread
        if self.settings.publish_sigma_m < math.inf:
            sharp = whole[:, 0, 0] + whole[:, 1, 1] <= self.settings.publish_sigma_m**2
            rows, centre, whole, existence = rows[sharp], centre[sharp], whole[sharp], existence[sharp]
        knowledge = self.evidence.knowledge(t, rows, centre[:, :2], whole[:, :2, :2], time)
        return Estimate(time, t.id[rows].copy(), centre, whole, existence, knowledge)
