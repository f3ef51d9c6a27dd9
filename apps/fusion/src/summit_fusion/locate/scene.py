"""How many fires there are and which sight lines belong to which: several smokes at once, each camera several lines.

Two lines of different cameras cross almost always, so of ``m`` smokes and ``n`` cameras most crossings are ghosts. The
answer is the partition of all lines into fires and false lines that is most probable: an S-dimensional assignment
(Deb, Yeddanapudi, Pattipati, Bar-Shalom 1997, "A generalized S-D assignment algorithm for multisensor-multitarget state
estimation") with a price for false lines, for cameras that miss a fire, and for the fire itself. Instead of a
Lagrangian relaxation, which needs thousands of candidate tuples, places grow from crossings, a beam search picks
places, and each answer is then improved until no line wants to change; what ends close to the best is another
hypothesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from summit_core.model import Matrix2

from summit_fusion.locate.cameras import Array, Cameras
from summit_fusion.locate.partition import Partition, Partitioner
from summit_fusion.locate.places import candidate_places
from summit_fusion.locate.settings import SceneSettings
from summit_fusion.locate.sightline import SightLine

DEFAULTS = SceneSettings()
MAX_LINES = 64
SAME_PLACE = 9.21
"""Squared Mahalanobis distance within which two hypotheses are one place (chi-square, 2 degrees of freedom, 99 %)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fire may be: degrees, covariance east-north in square metres, probability among the answers."""

    lat: float
    lon: float
    cov_m2: Matrix2
    weight: float


@dataclass(frozen=True, slots=True)
class SeenFire:
    """One fire of the best answer: its lines (indices of the input, one a camera), place, and what else they allow."""

    lines: tuple[int, ...]
    place: Place
    others: tuple[Place, ...]
    """Places where the same lines meet in other answers, most probable first."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The best answer. ``weight`` is its probability among the answers that were found."""

    fires: tuple[SeenFire, ...]
    false: tuple[int, ...]
    weight: float


def scene(
    lines: Sequence[SightLine], *, known: Sequence[tuple[float, float]] = (), settings: SceneSettings = DEFAULTS
) -> Scene:
    """The most probable fires behind the lines. ``known``: positions (degrees) of fires that are believed already.

    At most ``MAX_LINES`` lines are sorted out, the first ones; a caller puts the surest in front.
    """
    if len({line.source for line in lines}) < 2:
        return Scene((), tuple(range(len(lines))), 1.0)
    taken = lines[:MAX_LINES]
    names = {name: index for index, name in enumerate(dict.fromkeys(line.source for line in taken))}
    camera_of = np.array([names[line.source] for line in taken])
    cameras = Cameras.of(taken)
    before = np.array([cameras.frame.to_enu(*position) for position in known]).reshape(-1, 2)
    partitioner = Partitioner(cameras, camera_of, before, settings)
    places = candidate_places(cameras, camera_of, before, settings)
    answers = partitioner.answers(places)
    return _conclude(cameras, answers, len(lines))


def _conclude(cameras: Cameras, answers: Sequence[Partition], count: int) -> Scene:
    """The best answer, and for each of its fires the places that the others give its lines."""
    odds = np.exp(np.array([answer.score for answer in answers]) - answers[0].score)
    weights = odds / odds.sum()
    best = answers[0]
    fires = tuple(_fire(cameras, best, index, answers, weights) for index in range(len(best.sets)))
    owned = {line for fire in fires for line in fire.lines}
    return Scene(fires, tuple(line for line in range(count) if line not in owned), float(weights[0]))


def _fire(cameras: Cameras, best: Partition, index: int, answers: Sequence[Partition], weights: Array) -> SeenFire:
    own, point, cov = best.sets[index], best.points[index], best.cov[index]
    weight, others = 0.0, list[tuple[Array, Array, float]]()
    for answer, probability in zip(answers, weights.tolist(), strict=True):
        if any(_apart(point, p, cov) < SAME_PLACE for p in answer.points):
            weight += probability
        for p, c, used in zip(answer.points, answer.cov, answer.sets, strict=True):
            if bool((used & own).any()) and _apart(point, p, cov) >= SAME_PLACE:
                _gather(others, p, c, probability)
    others.sort(key=lambda other: -other[2])
    return SeenFire(
        lines=tuple(int(line) for line in np.flatnonzero(own)),
        place=_place(cameras, point, cov, weight),
        others=tuple(_place(cameras, *other) for other in others),
    )


def _gather(others: list[tuple[Array, Array, float]], point: Array, cov: Array, probability: float) -> None:
    """Add a place, or its probability to the place that it is already."""
    for index, (p, c, so_far) in enumerate(others):
        if _apart(p, point, c) < SAME_PLACE:
            others[index] = (p, c, so_far + probability)
            return
    others.append((point, cov, probability))


def _apart(one: Array, other: Array, cov: Array) -> float:
    away = other - one
    return float(away @ np.linalg.solve(cov, away))


def _place(cameras: Cameras, point: Array, cov: Array, weight: float) -> Place:
    lat, lon = cameras.frame.to_geodetic(float(point[0]), float(point[1]))
    (ee, en), (_, nn) = cov.tolist()
    return Place(lat, lon, ((ee, en), (en, nn)), min(1.0, weight))
