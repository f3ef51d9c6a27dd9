"""Partitions of all lines into fires and false lines, each with the logarithm of its probability."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from summit_fusion.locate.cameras import Array, Cameras, Mask
from summit_fusion.locate.estimate import Estimates, estimate
from summit_fusion.locate.places import Index, distances, plausible
from summit_fusion.locate.settings import SceneSettings

BEAM = 12
BRANCHES = 5
MOST_FIRES = 16
POLISHES = 6


@dataclass(frozen=True, slots=True)
class Partition:
    """``f`` fires: their lines (mask, shape (f, n)), plane positions and covariances. ``score``: the logarithm of the
    probability against that of all lines being false."""

    score: float
    sets: Mask
    points: Array
    cov: Array

    def lines(self) -> frozenset[tuple[int, ...]]:
        return frozenset(tuple(np.flatnonzero(row).tolist()) for row in self.sets)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Places picked so far, and the lines that are taken."""

    score: float
    fires: tuple[tuple[int, tuple[int, ...]], ...]
    free: Mask


class Partitioner:
    """The lines of one scene, and what each line is worth to a fire at a place."""

    def __init__(self, cameras: Cameras, camera_of: Index, known: Array, settings: SceneSettings) -> None:
        self._cameras = cameras
        self._camera_of = camera_of
        self._of_camera = [np.flatnonzero(camera_of == camera) for camera in range(int(camera_of.max()) + 1)]
        self._known = known
        self._settings = settings
        false = math.log(settings.false_rate / math.radians(settings.spread_deg))
        self._right = -false - np.log(cameras.sigma * math.sqrt(2.0 * math.pi))
        """What a line adds that passes exactly through a fire, but for the chance that its camera sees it."""

    def answers(self, places: Array) -> list[Partition]:
        """The most probable partitions, best first; at least one, possibly without any fire."""
        nothing = Partition(0.0, np.zeros((0, len(self._camera_of)), bool), np.zeros((0, 2)), np.zeros((0, 2, 2)))
        if not len(places):
            return [nothing]
        found: dict[frozenset[tuple[int, ...]], Partition] = {nothing.lines(): nothing}
        for choice in self._choices(places):
            partition = self._polish(places, choice)
            found.setdefault(partition.lines(), partition)
        ranked = sorted(found.values(), key=lambda partition: -partition.score)
        least = ranked[0].score + math.log(self._settings.plausible)
        return [partition for partition in ranked if partition.score >= least]

    def _choices(self, places: Array) -> list[_Choice]:
        """Beam search: pick the place that explains most of the free lines, and the next ones, again and again."""
        gain = self._gain(places)
        base = self._base(places, gain)
        beam = [_Choice(0.0, (), np.ones(len(self._camera_of), dtype=bool))]
        ended: list[_Choice] = []
        for _ in range(MOST_FIRES):
            longer = {self._key(c): c for choice in beam for c in self._longer(choice, gain, base)}
            ended += beam
            beam = sorted(longer.values(), key=lambda choice: -choice.score)[:BEAM]
            if not beam:
                break
        return sorted(ended, key=lambda choice: -choice.score)[:BEAM]

    @staticmethod
    def _key(choice: _Choice) -> frozenset[tuple[int, ...]]:
        return frozenset(lines for _, lines in choice.fires)

    def _longer(self, choice: _Choice, gain: Array, base: Array) -> list[_Choice]:
        """The choice with one more fire, by the few places that explain most of what is free."""
        free = np.where(choice.free, gain, 0.0)
        each = np.stack([free[:, own].max(axis=1) for own in self._of_camera], axis=1)
        worth = np.where((each > 0.0).sum(axis=1) >= 2, base + each.sum(axis=1), -np.inf)
        longer = []
        for place in np.argsort(-worth, kind="stable")[:BRANCHES].tolist():
            if worth[place] <= 0.0:
                break
            here = free[place]
            lines = tuple(int(own[np.argmax(here[own])]) for own in self._of_camera if here[own].max() > 0.0)
            left = choice.free.copy()
            left[list(lines)] = False
            longer.append(_Choice(choice.score + float(worth[place]), (*choice.fires, (place, lines)), left))
        return longer

    def _gain(self, points: Array) -> Array:
        """What each line adds to a fire at each point, against being false and its camera missing the fire: (k, n)."""
        square = distances(self._cameras, points, np.zeros((len(points), 2, 2)))
        seen = self._seen(points)
        worth = np.maximum(self._right + np.log(seen / (1.0 - seen)) - square / 2.0, 0.0)
        return np.where(square < self._settings.gate_sigma**2, worth, 0.0)

    def _seen(self, points: Array) -> Array:
        """Probability that the camera of each line sees a fire at each point: (k, n)."""
        east, north, _ = self._cameras.sight(points)
        far = (east**2 + north**2) / self._settings.haze_m**2
        return np.asarray(self._settings.detection * np.exp(-0.5 * np.minimum(far, 40.0)))

    def _base(self, points: Array, gain: Array) -> Array:
        """What a fire costs: that there is one, just there, and that the cameras without a line have missed it."""
        sets = gain > 0.0
        found = estimate(self._cameras, sets, points)
        return self._price(found, points)

    def _price(self, found: Estimates, points: Array) -> Array:
        area = 2.0 * math.pi * np.sqrt(np.maximum(np.linalg.det(found.cov), 1.0))
        area = np.minimum(area, self._settings.ellipse_km2 * 1e6)
        missed = np.log1p(-self._seen(points)[:, [own[0] for own in self._of_camera]]).sum(axis=1)
        price = np.log(area / (self._settings.fire_km2 * 1e6)) + missed
        if len(self._known):
            away = points[:, None, :] - self._known[None, :, :]
            near = np.einsum("kfi,kij,kfj->kf", away, np.linalg.inv(found.cov), away).min(axis=1) < 9.21
            price = price + np.where(near, math.log(self._settings.known_odds), 0.0)
        return np.asarray(price)

    def _polish(self, places: Array, choice: _Choice) -> Partition:
        """Estimate, let each camera give its lines to the fires that they fit best, and again until none changes."""
        sets = np.zeros((len(choice.fires), len(self._camera_of)), dtype=bool)
        for row, (_, lines) in enumerate(choice.fires):
            sets[row, list(lines)] = True
        points = places[[place for place, _ in choice.fires]] if choice.fires else np.zeros((0, 2))
        for _ in range(POLISHES):
            found = estimate(self._cameras, sets, points)
            gain = self._gain(found.points)
            worth = self._price(found, found.points) + np.where(sets, gain, 0.0).sum(axis=1)
            keep = (sets.sum(axis=1) >= 2) & (worth > 0.0) & plausible(found, sets, self._cameras, self._settings)
            assigned = self._assign(gain[keep])
            if bool(keep.all()) and np.array_equal(assigned, sets):
                return Partition(float(worth.sum()), sets, found.points, found.cov)
            sets, points = assigned, found.points[keep]
        found = estimate(self._cameras, sets, points)
        worth = self._price(found, found.points) + np.where(sets, self._gain(found.points), 0.0).sum(axis=1)
        keep = (sets.sum(axis=1) >= 2) & (worth > 0.0)
        return Partition(float(worth[keep].sum()), sets[keep], found.points[keep], found.cov[keep])

    def _assign(self, gain: Array) -> Mask:
        """Each camera's lines to fires, at most one to a fire, so that they add most: shape (f, n)."""
        sets = np.zeros(gain.shape, dtype=bool)
        for own in self._of_camera:
            for fire, line in _best_pairs(gain[:, own]):
                sets[fire, own[line]] = True
        return sets


def _best_pairs(gain: Array) -> Sequence[tuple[int, int]]:
    """Pairs (row, column) of the assignment with the largest sum of gains; only pairs that gain something.

    Exact for what gates leave (a line fits one fire, rarely two); columns with many choices are few.
    """
    options = [[(worth, row) for row, worth in enumerate(column) if worth > 0.0] for column in gain.T.tolist()]

    def best(column: int, taken: frozenset[int]) -> tuple[float, tuple[tuple[int, int], ...]]:
        if column == len(options):
            return 0.0, ()
        answer = best(column + 1, taken)
        for worth, row in options[column]:
            if row not in taken:
                rest, pairs = best(column + 1, taken | {row})
                if worth + rest > answer[0]:
                    answer = (worth + rest, ((row, column), *pairs))
        return answer

    return best(0, frozenset())[1]
