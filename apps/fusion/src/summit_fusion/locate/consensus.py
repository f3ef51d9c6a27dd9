"""Which sight lines belong together: every plausible set of wrong lines is a hypothesis, weighed by its probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from summit_fusion.locate.cameras import Array, Cameras, Mask
from summit_fusion.locate.doubt import normals, spread_by_what_was_left_out, wrong_unnoticed
from summit_fusion.locate.estimate import Estimates, estimate
from summit_fusion.locate.intersect import crossings
from summit_fusion.locate.sightline import Fix, FixHypothesis, SightLine


@dataclass(frozen=True, slots=True)
class LocateSettings:
    """What is believed about cameras before they are heard."""

    max_range_m: float = 60_000.0
    """Nobody sees smoke further than this."""
    min_range_m: float = 50.0
    outlier_rate: float = 0.1
    """Prior probability that a line points at something else (another smoke, dust, a wrong pose)."""
    outlier_spread_deg: float = 90.0
    """A wrong line may point anywhere in the camera's field of view, about this wide."""
    gate_sigma: float = 3.0
    """A line that misses a crossing by more than this does not belong to its consensus."""
    same_place: float = 9.21
    """Squared Mahalanobis distance within which two hypotheses are one place (chi-square, 2 degrees of freedom, 99
    %)."""
    ambiguous_below: float = 0.89
    """A best hypothesis with less probability than this does not stand alone."""
    unnoticed_odds: float = 0.065
    """Three lines that meet stand alone when the odds that one of them is wrong all the same are below this."""
    rested_on: float = 2.5
    """A fix is doubtful when the lines left out would have made its error ellipse so many times smaller."""
    poor_sigma_m: float = 3_000.0
    """Major semi-axis (one sigma) from which a fix is called ambiguous."""
    parallel_ratio: float = 0.5
    """Lines are nearly parallel when the major semi-axis is this part of the range: for two lines of equal range, when
    they meet at less than two standard deviations of the angle between them."""
    max_hypotheses: int = 5


DEFAULTS = LocateSettings()
ENUMERATED = 6
"""Up to so many lines, every set is tried; above, those that the crossings agree on."""
MAX_SETS = 40
MIN_ANGLE_RAD = 0.0035
"""0.2 degrees: below, the crossing of two lines says nothing."""
FEW = 4
OPEN_AREA, MOST_OPEN_AREA = 0.6, 1.0
"""How much of Laplace's factor counts, and how much it may add to a logarithm. Measured, six lines with 15 % wrong, six
seeds: 90th percentile of the error 10 m less, 0.3 % more of the unflagged within three bounds."""
NEGLIGIBLE = 0.01
"""Posterior below which a place is not mentioned."""


def locate(bearings: Sequence[SightLine], *, settings: LocateSettings = DEFAULTS) -> Fix:
    """The position that the sight lines of one thing agree on (maximum likelihood), or why they do not."""
    if len(bearings) < 2:
        return Fix(ambiguous=True, reason="too_few", hypotheses=())
    cameras = Cameras.of(bearings)
    starts = crossings(cameras, min_angle_rad=MIN_ANGLE_RAD, max_range_m=settings.max_range_m)
    if not len(starts):
        return Fix(ambiguous=True, reason="no_crossing", hypotheses=())
    square = (cameras.sight(starts)[2] / cameras.sigma) ** 2
    sets = candidate_sets(square, settings)
    nearest = np.argmin(square @ sets.T.astype(float), axis=0)
    found = estimate(cameras, sets, starts[nearest])
    possible = admissible(found, sets, cameras, settings)
    if not bool(possible.any()):
        return Fix(ambiguous=True, reason=_obstacle(found, sets, settings), hypotheses=())
    weights = posterior(found, sets, possible, cameras, settings)
    return conclude(cameras, found, sets, weights, settings)


def candidate_sets(square: Array, settings: LocateSettings) -> Mask:
    """Sets of lines worth an estimate, one a row. ``square``: squared residuals of each line at each crossing (k,
    n)."""
    n = square.shape[1]
    if n <= ENUMERATED:
        return _sets_without_few(n)
    agree = square < settings.gate_sigma**2
    cost = np.minimum(square, settings.gate_sigma**2).sum(axis=1)
    best = agree[np.argsort(cost, kind="stable")[:MAX_SETS]]
    return np.unique(np.concatenate([np.ones((1, n), dtype=bool), best]), axis=0)


@cache
def _sets_without_few(n: int) -> Mask:
    """All sets that leave out at most half of the lines (one of three) and keep at least two."""
    rows = []
    for wrong in range(min(max(n // 2, 1), n - 2) + 1):
        for outliers in combinations(range(n), wrong):
            row = np.ones(n, dtype=bool)
            row[list(outliers)] = False
            rows.append(row)
    return np.array(rows)


def admissible(found: Estimates, sets: Mask, cameras: Cameras, settings: LocateSettings) -> Mask:
    """Which estimates can be true: in front of the cameras, at plausible ranges, from lines that are not nearly
    parallel.

    The first test is hard: no fix lies behind a camera it uses, and two lines alone never place it behind a third
    camera (three that agree may overrule one that faces away).
    """
    in_front = np.abs(found.residuals * cameras.sigma) < np.pi / 2
    binding = sets | (sets.sum(axis=1, keepdims=True) <= 2)
    within = (found.ranges > settings.min_range_m) & (found.ranges < settings.max_range_m)
    crossing = well_crossing(found, sets, settings)
    agreeing = agrees(found, sets, settings)
    return np.asarray((in_front | ~binding).all(axis=1) & (within | ~sets).all(axis=1) & crossing & agreeing)


def agrees(found: Estimates, sets: Mask, settings: LocateSettings) -> Mask:
    """No line of a set misses its estimate by more than twice the gate: what lies between such lines is no place."""
    return np.asarray(((np.abs(found.residuals) < 2.0 * settings.gate_sigma) | ~sets).all(axis=1))


def _obstacle(found: Estimates, sets: Mask, settings: LocateSettings) -> str:
    """Why no estimate is admissible."""
    crossing, agreeing = well_crossing(found, sets, settings), agrees(found, sets, settings)
    if not bool(crossing.any()):
        return "near_parallel"
    return "no_crossing" if bool((crossing & agreeing).any()) else "inconsistent"


def well_crossing(found: Estimates, sets: Mask, settings: LocateSettings) -> Mask:
    """Whether the lines of each set meet at an angle that places something."""
    furthest = np.where(sets, found.ranges, 0.0).max(axis=1)
    return np.asarray(major_sigma(found.cov) < settings.parallel_ratio * furthest)


def major_sigma(cov: Array) -> Array:
    """Major semi-axis (one standard deviation, metres) of each 2 x 2 covariance."""
    half_trace = (cov[:, 0, 0] + cov[:, 1, 1]) / 2
    half_difference = (cov[:, 0, 0] - cov[:, 1, 1]) / 2
    return np.sqrt(half_trace + np.hypot(half_difference, cov[:, 0, 1]))


def posterior(found: Estimates, sets: Mask, possible: Mask, cameras: Cameras, settings: LocateSettings) -> Array:
    """Probability of each set being the right lines and the others wrong; impossible sets get none.

    The likelihood at the estimate: Gaussian density of the lines used, uniform density of the wrong ones over the
    field of view, prior of so many wrong ones. The area that a set leaves open (Laplace's factor) counts in part, for
    five lines or more of which some must be wrong: whole, it favours pairs that cross far away at a small angle
    (measured, three lines in a disc: rms 1.47 of the bound with it, 0.99 without).
    """
    right = np.log1p(-settings.outlier_rate) - np.log(cameras.sigma * np.sqrt(2.0 * np.pi))
    wrong = np.log(settings.outlier_rate / np.radians(settings.outlier_spread_deg))
    log_weight = sets @ right + (~sets).sum(axis=1) * wrong - found.cost / 2
    lines = sets.shape[1]
    if lines > FEW and found.cost[sets.all(axis=1)].min() > chi_square_limit(lines - 2):
        area = np.log(np.maximum(np.linalg.det(found.cov), 1.0)) / 2.0
        log_weight = log_weight + np.minimum(OPEN_AREA * (area - area[possible].min()), MOST_OPEN_AREA)
    log_weight = np.where(possible, log_weight, -np.inf)
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def conclude(cameras: Cameras, found: Estimates, sets: Mask, weights: Array, settings: LocateSettings) -> Fix:
    """Join the estimates that mean the same place; the heaviest speaks for it, but lines that agree go before a bare
    pair. Name what makes the answer ambiguous."""
    places: list[tuple[int, float]] = []
    rest = weights.copy()
    while len(places) < settings.max_hypotheses and rest.max() > NEGLIGIBLE:
        leader = int(np.argmax(rest))
        away = found.points - found.points[leader]
        distance = np.einsum("ki,ij,kj->k", away, np.linalg.inv(found.cov[leader]), away)
        same = distance < settings.same_place
        here = [int(index) for index in np.flatnonzero(same & (rest > 0.0))]
        speaker = max(here, key=lambda index: (_confirmed(found, sets, index), rest[index]))
        places.append((speaker, float(rest[same].sum())))
        rest = np.where(same, 0.0, rest)
    places.sort(key=lambda place: (not _confirmed(found, sets, place[0]), -place[1]))
    total = sum(weight for _, weight in places)
    hypotheses = tuple(_hypothesis(cameras, found, sets, index, weight / total) for index, weight in places)
    first = places[0][0]
    sure = _confirmed(found, sets, first)
    reason = _doubt(hypotheses, sure, float(major_sigma(found.cov)[first]), settings)
    reason = reason or _weakness(cameras, found.points[first], sets[first], float(found.cost[first]), settings)
    return Fix(ambiguous=reason is not None, reason=reason, hypotheses=hypotheses)


def _confirmed(found: Estimates, sets: Mask, index: int) -> bool:
    """Three lines or more meet plausibly, or there are but two: a bare pair never goes before lines that agree."""
    used = int(sets[index].sum())
    return bool(sets.shape[1] == 2 or (used > 2 and found.cost[index] < chi_square_limit(used - 2)))


def _doubt(
    hypotheses: Sequence[FixHypothesis], confirmed: bool, sigma_m: float, settings: LocateSettings
) -> str | None:
    best = hypotheses[0]
    used = sum(best.used)
    if best.weight < settings.ambiguous_below or used == 2 < len(best.used):
        return "outlier"
    if used > 2 and not confirmed:
        return "inconsistent"
    return "poor_geometry" if sigma_m > settings.poor_sigma_m else None


def _weakness(cameras: Cameras, point: Array, used: Mask, cost: float, settings: LocateSettings) -> str | None:
    """One place stands out, but it rests on too little to be believed alone."""
    rows = normals(cameras, point)
    if not used.all() and spread_by_what_was_left_out(rows, used) > settings.rested_on:
        return "outlier"
    if used.sum() == 3:
        odds = wrong_unnoticed(cameras, rows, used, cost, settings.outlier_rate, settings.outlier_spread_deg)
        return "unchecked" if odds > settings.unnoticed_odds else None
    return None


def chi_square_limit(dof: int) -> float:
    """The 99.99 % point of the chi-square distribution (Wilson and Hilferty 1931; within 8 % of the exact value)."""
    spread = 2.0 / (9.0 * dof)
    return float(dof * (1.0 - spread + 3.7190 * spread**0.5) ** 3)


def _hypothesis(cameras: Cameras, found: Estimates, sets: Mask, index: int, weight: float) -> FixHypothesis:
    east, north = (float(value) for value in found.points[index])
    lat, lon = cameras.frame.to_geodetic(east, north)
    (ee, en), (_, nn) = found.cov[index].tolist()
    return FixHypothesis(
        lat=lat,
        lon=lon,
        cov_m2=((ee, en), (en, nn)),
        weight=weight,
        used=tuple(bool(value) for value in sets[index]),
        residuals_sigma=tuple(float(value) for value in found.residuals[index]),
    )
