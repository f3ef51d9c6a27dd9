"""What a track is: Dirichlet counts of its classes, fed by detectors that are known to mistake one for another.

A report is a calibrated probability of each class; through the detector's confusion matrix it becomes the likelihood of
each true class. The counts grow by the responsibility of each class for the report, which is the conjugate update where
a report leaves no doubt and the quasi-Bayes procedure where it does (Smith and Makov, "A quasi-Bayes sequential
procedure for mixtures", JRSS B 40, 1978). It claims less than the product of the likelihoods would: the next frame of a
camera is hardly a second witness. A row holds the counts beyond the prior, then their time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Floats, Ints

CLASSES: Final = ("pedestrian", "vehicle", "vessel", "uas", "aircraft")
LEAST_WEIGHT: Final = 1e-9
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """``confusion``: by the name of a detector, row c is what it reports of a true class c (rows sum to 1); a detector
    without one is taken to be right. ``report``: what one report of a detection that is surely the track's counts."""

    names: tuple[str, ...] = CLASSES
    confusion: Mapping[str, Matrix] = field(default_factory=dict)
    prior: float = 1.0
    """Sum of the counts of the uniform prior."""
    report: float = 1.0
    half_life_s: float = 90.0
    """After that time a report counts half."""
    least: float = 0.1
    most: float = 10.0
    """How much a class may speak for or against an association."""
    sure: float = 0.6
    """A track moves like its class (`presets`) from this probability on; 1 means never."""

    def __post_init__(self) -> None:
        if not (self.half_life_s > 0.0 and self.prior > 0.0 and self.report >= 0.0):
            raise ValueError("half_life_s and prior must be positive, report must not be negative")
        size = len(self.names)
        for name, rows in self.confusion.items():
            matrix = np.array(rows, float)
            if matrix.shape != (size, size) or not (matrix >= 0.0).all() or np.abs(matrix.sum(1) - 1.0).max() > 1e-6:
                raise ValueError(f"confusion of {name}: {size} rows of {size} probabilities that sum to 1")

    def likelihood(self, class_p: Floats, detector: str) -> Floats:
        """(n, C) of the reports given each true class, up to a factor; zeros where nothing was reported."""
        if class_p.shape[1] != len(self.names):
            raise ValueError(f"class_p has {class_p.shape[1]} columns for {len(self.names)} classes")
        matrix = self.confusion.get(detector)
        return np.ascontiguousarray(class_p if matrix is None else class_p @ np.array(matrix, float).T)

    def row(self) -> Floats:
        return np.array([self.prior, self.report, self.half_life_s, self.least, self.most, self.sure])


def sane_classes(class_p: Floats) -> Floats:
    """Rows that sum to 1, or zeros where a row is nonsense: a bad class costs no position."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = class_p.sum(1)
        good = np.isfinite(class_p).all(1) & (class_p >= 0.0).all(1) & (total > 0.0) & (total < np.inf)
    return np.where(good[:, None], class_p / np.where(good, total, 1.0)[:, None], 0.0)


@kernel
def mean_class(counts: Floats, i: int, time: float, model: Floats, mean: Floats) -> float:
    """Write the expected probabilities of row i at ``time``; returns what is left of its counts (a factor)."""
    size = len(mean)
    total = model[0]
    left: float = 0.5 ** (max(0.0, time - counts[i, size]) / model[2])
    for c in range(size):
        mean[c] = model[0] / size + left * counts[i, c]
        total += left * counts[i, c]
    for c in range(size):
        mean[c] /= total
    return left


@kernel
def weigh_classes(
    psi: Floats, counts: Floats, start: Ints, edges: Ints, likely: Floats, time: float, model: Floats
) -> None:
    """Multiply ``psi`` of each edge by how much likelier its report is of this track than of anything."""
    size = likely.shape[1]
    mean = np.empty(size)
    for i in range(len(start) - 1):
        if start[i] == start[i + 1]:
            continue
        mean_class(counts, i, time, model, mean)
        for e in range(start[i], start[i + 1]):
            here, anywhere = 0.0, 0.0
            for c in range(size):
                here += mean[c] * likely[edges[e], c]
                anywhere += likely[edges[e], c] / size
            if anywhere > 0.0:
                psi[e] *= min(max(here / anywhere, model[3]), model[4])


@kernel
def count_report(counts: Floats, i: int, likely: Floats, j: int, weight: float, mean: Floats) -> None:
    """Add report j to row i. ``mean``: what was expected before the scan."""
    total = 0.0
    for c in range(len(mean)):
        total += mean[c] * likely[j, c]
    if total > 0.0:
        for c in range(len(mean)):
            counts[i, c] += weight * mean[c] * likely[j, c] / total


@kernel
def choose_preset(
    counts: Floats, preset: Ints, i: int, time: float, model: Floats, mean: Floats, speed: float, fastest: Floats
) -> None:
    """The class that row i moves like from now on, counted from 1; 0 while none is likely enough, or while it moves
    faster than such a thing can: a walker at 20 m/s is none, whatever a camera says."""
    mean_class(counts, i, time, model, mean)
    best = mean.argmax()
    preset[i] = best + 1 if mean[best] > model[5] and speed <= fastest[best] else 0


@kernel
def learn_classes(
    counts: Floats, preset: Ints, speed: Floats, existence: Floats, start: Ints, edges: Ints, share: Floats,
    likely: Floats, time: float, model: Floats, fastest: Floats,
) -> None:  # fmt: skip
    """All rows in place: forget, then count every report by the probability that it is of this track.

    ``speed`` of each track and ``fastest`` of each class in m/s."""
    size = likely.shape[1]
    mean = np.empty(size)
    for i in range(len(start) - 1):
        told = False
        for e in range(start[i], start[i + 1]):
            weight = min(1.0, share[e] / existence[i]) if existence[i] > 0.0 else 0.0
            if weight <= LEAST_WEIGHT or likely[edges[e]].sum() <= 0.0:
                continue
            if not told:
                told, left = True, mean_class(counts, i, time, model, mean)
                for c in range(size):
                    counts[i, c] *= left
                counts[i, size] = time
            count_report(counts, i, likely, edges[e], weight * model[1], mean)
        if told:
            choose_preset(counts, preset, i, time, model, mean, speed[i], fastest)


@kernel
def begin_classes(counts: Floats, before: int, begun: Ints, likely: Floats, time: float, model: Floats) -> None:
    """The rows from ``before`` on, which hold nothing yet, began at the detections ``begun``."""
    size = likely.shape[1]
    flat = np.full(size, 1.0 / size)
    for k in range(len(begun)):
        if likely[begun[k]].sum() > 0.0:
            counts[before + k, size] = time
            count_report(counts, before + k, likely, begun[k], model[1], flat)


@kernel
def classes_at(counts: Floats, time: float, model: Floats) -> tuple[Floats, Floats]:
    """Probability of each class (n, C) at ``time``, and the entropy (n,) of these in nats: ln C knows nothing."""
    mean = np.empty((len(counts), counts.shape[1] - 1))
    for i in range(len(counts)):
        mean_class(counts, i, time, model, mean[i])
    return mean, -np.sum(mean * np.log(mean), axis=1)
