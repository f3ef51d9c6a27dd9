"""What a detection tells beside its place: height, identity and class, as likelihood ratios and as lasting knowledge.

The tracker calls in three places: `weigh` before it associates, `learn` after it updated, `begin` where tracks begin. A
scan that tells nothing of this is not looked at, and as long as none did the tracks carry nothing of it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from summit_fusion.jipda.classes import begin_classes, classes_at, learn_classes, weigh_classes
from summit_fusion.jipda.height import WIDTH, begin_heights, heights_at, learn_heights, weigh_heights
from summit_fusion.jipda.identity import SCHEMES, conflicting, learn_identities, weigh_identities
from summit_fusion.jipda.layout import Arrays, Floats, Ints, Marks, Records
from summit_fusion.jipda.presets import PRESETS, motion_table
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.settings import TrackerSettings

FASTEST: Final = 4.0
"""Times the usual speed of a class: what is faster does not move like it."""
NO_PRESETS: Final = np.empty(0, np.int64)
"""All tracks move by row 0."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Of some tracks at one time, a row each.

    ``height`` (n, 2): metres above the ellipsoid and climb in m/s, ``height_cov`` (n, 3): hh, hc, cc; NaN = unknown.
    ``identity`` (n, 4): a hash for each of `identity.SCHEMES` or 0, ``belief`` (n, 4) in it, ``former`` (n, 4): what it
    was before it changed or 0; ``conflicting`` (n,): another track far away has the same one. ``class_p`` (n, C),
    ``entropy`` (n,) in nats.
    """

    height: Floats
    height_cov: Floats
    identity: Ints
    belief: Floats
    former: Ints
    conflicting: Marks
    class_p: Floats
    entropy: Floats


def record(classes: int) -> np.dtype[Any]:
    """A row of `Arrays.known`; zeros know nothing."""
    slots = len(SCHEMES)
    return np.dtype(
        [
            ("height", np.float64, (WIDTH,)),
            ("identity", np.int64, (slots,)),
            ("former", np.int64, (slots,)),
            ("belief", np.float64, (slots,)),
            ("counts", np.float64, (classes + 1,)),
            ("preset", np.int64),
        ]
    )


def presets_of(known: Records) -> Ints:
    """Which row of ``Evidence.motions`` some tracks move by."""
    return np.ascontiguousarray(known["preset"]) if known.ndim == 1 else NO_PRESETS


class Evidence:
    """No state of its own: all that is known stands in the columns of the tracks."""

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._record = record(len(settings.classes.names))
        self._height, self._identity = settings.height.row(), settings.identity.row()
        self._classes = settings.classes.row()
        names = settings.classes.names
        self.motions = motion_table(settings, names)
        """What `predict` needs: row 0 for a track of no certain class, c + 1 for one of class c."""
        self._fastest = np.array([FASTEST * PRESETS.get(name, settings).motion.fastest_sigma_mps for name in names])

    def weigh(self, tracks: Arrays, scan: Detections, lag: Floats, start: Ints, edges: Ints, psi: Floats) -> None:
        """Multiply ``psi`` of each edge by all that the scan tells."""
        tracks.widen(self._record)
        known = tracks.known
        if scan.alt is not None and scan.alt_sigma is not None:
            weigh_heights(
                psi, known["height"], start, edges, scan.alt, scan.alt_sigma, lag, scan.time, self._height
            )  # fmt: skip
        if scan.identity is not None:
            weigh_identities(psi, known["identity"], known["belief"], start, edges, scan.identity, self._identity)
        if scan.class_p is not None:
            likely = self._settings.classes.likelihood(scan.class_p, scan.detector)
            weigh_classes(psi, known["counts"], start, edges, likely, scan.time, self._classes)

    def learn(self, tracks: Arrays, scan: Detections, lag: Floats, start: Ints, edges: Ints, share: Floats) -> None:
        """Take in what the scan tells by the probabilities of association; the tracks are updated already."""
        known, alive = tracks.known, tracks.existence
        if scan.alt is not None and scan.alt_sigma is not None:
            learn_heights(
                known["height"], alive, start, edges, share, scan.alt, scan.alt_sigma, lag, scan.time, self._height
            )  # fmt: skip
        if scan.identity is not None:
            learn_identities(
                known["identity"], known["former"], known["belief"], alive, start, edges, share, scan.identity,
                self._identity,
            )  # fmt: skip
        if scan.class_p is not None:
            likely = self._settings.classes.likelihood(scan.class_p, scan.detector)
            chance, ways = tracks.cruise[: len(start) - 1, None], tracks.mean[: len(start) - 1, :, 2:]
            speed = np.sqrt(((chance * ways[:, 0] + (1.0 - chance) * ways[:, 1]) ** 2).sum(1))
            learn_classes(
                known["counts"], known["preset"], speed, alive, start, edges, share, likely, scan.time, self._classes,
                self._fastest,
            )  # fmt: skip

    def begin(self, tracks: Arrays, before: int, scan: Detections, lag: Floats, begun: Ints) -> None:
        """The rows from ``before`` on began at the detections ``begun``."""
        known = tracks.known
        known[before : before + len(begun)] = np.zeros((), known.dtype)
        if scan.alt is not None and scan.alt_sigma is not None:
            begin_heights(
                known["height"], before, begun, scan.alt, scan.alt_sigma, lag, scan.time, self._height
            )  # fmt: skip
        if scan.identity is not None:
            told = scan.identity[begun]
            named = np.flatnonzero(told)
            slots = told[named] & 3
            known["identity"][before + named, slots] = told[named]
            known["belief"][before + named, slots] = 1.0 - self._settings.identity.wrong
        if scan.class_p is not None:
            likely = self._settings.classes.likelihood(scan.class_p, scan.detector)
            begin_classes(known["counts"], before, begun, likely, scan.time, self._classes)

    def knowledge(self, tracks: Arrays, rows: Ints, places: Floats, cov: Floats, time: float) -> Knowledge | None:
        """What is known of these tracks at ``time``, when their places (n, 2) have covariances ``cov`` (n, 2, 2)."""
        if not tracks.tell_more:
            return None
        known = tracks.known[rows]
        height, height_cov = heights_at(known["height"], time, self._settings.height.q)
        identity, belief = known["identity"], known["belief"]
        marks = conflicting(identity, belief, places, cov, self._settings.gate)
        class_p, entropy = classes_at(known["counts"], time, self._classes)
        return Knowledge(height, height_cov, identity, belief, known["former"], marks, class_p, entropy)
