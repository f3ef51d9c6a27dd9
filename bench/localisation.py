"""Bearings to position against the Cramér-Rao bound: seeded Monte Carlo; JSON on stdout, exit 1 when a bar is missed.

Geometries: cameras uniform in a square (or disc) of 12 km half width, fire in 8 km, ranges 1.5 to 24 km, root mean
square bound at most 1.5 km, noise 1 degree. Truth is exact: the direction of the straight line on the WGS-84 ellipsoid.

Several fires at once: 2 to 4 of them, at least 2 km apart, and 4 to 8 cameras, each of which misses a fire with 5 %
(10 %) and sees something else with 5 % (10 %); at least three cameras see each fire, its bound is that of those.

    python bench/localisation.py [--trials 1000] [--seed 1]
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from summit_core.geo import LocalFrame
from summit_fusion.locate import SightLine, locate
from summit_fusion.locate.cameras import Cameras
from summit_fusion.locate.scene import scene

CENTRE = LocalFrame(43.7, 5.3)
SIGMA_DEG = 1.0

Bar = tuple[str, str, float, float]
BARS: tuple[Bar, ...] = (
    *((name, "rms_over_bound", 0.0, 1.2) for name in ("3_cameras", "3_cameras_disc", "4_cameras")),
    *((name, "rms_over_bound", 0.0, 1.1) for name in ("5_cameras", "6_cameras", "8_cameras")),
    *((f"{n}_cameras", "behind_a_camera", 0, 0) for n in (2, 3, 4, 5, 6, 8)),
    *((f"{n}_cameras", "coverage_95", 0.93, 0.97) for n in (3, 4, 5, 6, 8)),
    ("3_cameras_one_wrong", "wrong_flagged", 0.90, 1.0),
    ("6_cameras_15_percent_wrong", "ambiguous", 0.0, 0.10),
    ("6_cameras_15_percent_wrong", "within_3_bounds_of_unflagged", 0.97, 1.0),
    ("6_cameras_15_percent_wrong", "any_hypothesis_within_3_bounds", 0.95, 1.0),
    ("6_cameras_15_percent_wrong", "p90_m", 0.0, 360.0),
    *((name, "right_number", 0.95, 1.0) for name in ("several_fires", "several_fires_10_percent")),
    *((name, "within_3_bounds", 0.95, 1.0) for name in ("several_fires", "several_fires_10_percent")),
    *((name, "right_or_ambiguous", 0.97, 1.0) for name in ("several_fires", "several_fires_10_percent")),
    *((name, "lines_that_belong", 0.95, 1.0) for name in ("several_fires", "several_fires_10_percent")),
)
CERTAIN = 0.91
"""A fire whose place is less probable than this among all ways to sort the lines counts as ambiguous."""


@dataclass(frozen=True)
class Case:
    lines: list[SightLine]
    truth: tuple[float, float]
    bound_m2: float


def _uniform(random: np.random.Generator, half_width: float, disc: bool) -> tuple[float, float]:
    while True:
        east, north = random.uniform(-half_width, half_width, 2)
        if not disc or math.hypot(east, north) <= half_width:
            return float(east), float(north)


def cases(
    seed: int, trials: int, cameras: int, *, disc: bool = False, wrong: int = 0, wrong_rate: float = 0.0
) -> Iterator[Case]:
    """``wrong`` lines of each case, or each line with ``wrong_rate``, point 8 to 25 degrees off."""
    random = np.random.default_rng(seed)
    while trials:
        fire = np.array(_uniform(random, 8_000, disc))
        towers = np.array([_uniform(random, 12_000, disc) for _ in range(cameras)])
        bound = _bound_m2(fire, towers)
        if bound > 1_500**2:
            continue
        off = np.zeros(cameras)
        outlier = random.random(cameras) < wrong_rate
        outlier[:wrong] = True
        off[outlier] = (random.uniform(8, 25, cameras) * random.choice([-1, 1], cameras))[outlier]
        yield Case(_lines(towers, fire, random.normal(0, SIGMA_DEG, cameras) + off), (fire[0], fire[1]), bound)
        trials -= 1


def _bound_m2(fire: np.ndarray, towers: np.ndarray) -> float:
    """Trace of the Cramér-Rao bound; endless where a camera is closer than 1.5 km or further than 24 km."""
    away = fire - towers
    ranges = np.hypot(away[:, 0], away[:, 1])
    if ranges.min() < 1_500 or ranges.max() > 24_000:
        return math.inf
    normal = np.stack([away[:, 1], -away[:, 0]], axis=1) / (ranges**2 * math.radians(SIGMA_DEG))[:, None]
    information = normal.T @ normal
    return float(np.trace(information)) / max(float(np.linalg.det(information)), 1e-30)


@dataclass(frozen=True)
class SceneCase:
    """``fire_of``: the fire that each line is of, -1 where it is of none."""

    lines: list[SightLine]
    fire_of: list[int]
    fires: np.ndarray
    bounds_m2: list[float]


def scenes(seed: int, trials: int, rate: float) -> Iterator[SceneCase]:
    """``rate``: of fires that a camera misses, and of cameras that see something else as well."""
    random = np.random.default_rng(seed)
    while trials:
        fires = np.array([_uniform(random, 8_000, False) for _ in range(random.integers(2, 5))])
        towers = np.array([_uniform(random, 12_000, False) for _ in range(random.integers(4, 9))])
        apart = [math.dist(one, other) for i, one in enumerate(fires) for other in fires[:i]]
        seen = random.random((len(fires), len(towers))) >= rate
        bounds = [_bound_m2(fire, towers[by]) for fire, by in zip(fires, seen, strict=True) if by.sum() > 2]
        if min(apart) < 2_000 or len(bounds) < len(fires) or max(bounds) > 1_500**2:
            continue
        made: list[tuple[SightLine, int]] = []
        for number, fire in enumerate(fires):
            lines = _lines(towers, fire, random.normal(0, SIGMA_DEG, len(towers)))
            made += [(line, number) for line, by in zip(lines, seen[number], strict=True) if by]
        elsewhere = _lines(towers, fires[0], random.uniform(-45, 45, len(towers)))
        made += [(line, -1) for line in elsewhere if random.random() < rate]
        mixed = [made[index] for index in random.permutation(len(made))]
        yield SceneCase([line for line, _ in mixed], [fire for _, fire in mixed], fires, bounds)
        trials -= 1


def run_scenes(population: Iterator[SceneCase]) -> dict[str, float]:
    """Figures over all scenes; a scene is right when it has as many fires as there are, each within three bounds."""
    cases_ = numbers = ambiguous = right = admitted = fires = close = lines = belong = 0
    spent = 0.0
    for case in population:
        start = time.process_time()
        found = scene(case.lines)
        spent += time.process_time() - start
        places = [np.array(CENTRE.to_enu(fire.place.lat, fire.place.lon)) for fire in found.fires]
        away = [min((math.dist(place, fire) for place in places), default=math.inf) for fire in case.fires]
        near = sum(error <= 3 * math.sqrt(bound) for error, bound in zip(away, case.bounds_m2, strict=True))
        doubtful = any(fire.place.weight < CERTAIN for fire in found.fires)
        good = len(places) == len(case.fires) == near
        cases_, numbers, right = cases_ + 1, numbers + (len(places) == len(case.fires)), right + good
        ambiguous, admitted = ambiguous + doubtful, admitted + (good or doubtful)
        fires, close = fires + len(case.fires), close + near
        for fire in found.fires:
            owners = [case.fire_of[line] for line in fire.lines]
            lines, belong = lines + len(owners), belong + max(owners.count(n) for n in range(len(case.fires)))
    return {
        "cases": cases_,
        "right_number": round(numbers / cases_, 4),
        "within_3_bounds": round(close / fires, 4),
        "right": round(right / cases_, 4),
        "ambiguous": round(ambiguous / cases_, 4),
        "right_or_ambiguous": round(admitted / cases_, 4),
        "lines_that_belong": round(belong / lines, 4),
        "ms_per_call": round(1000 * spent / cases_, 3),
    }


def _lines(towers: np.ndarray, fire: np.ndarray, error_deg: np.ndarray) -> list[SightLine]:
    places = [CENTRE.to_geodetic(*tower) for tower in towers.tolist()]
    blind = [SightLine(f"cam-{i}", lat, lon, 0.0, SIGMA_DEG) for i, (lat, lon) in enumerate(places)]
    view = Cameras.of(blind)
    point = np.array([view.frame.to_enu(*CENTRE.to_geodetic(*fire.tolist()))])
    east, north, _ = view.sight(point)
    azimuth = np.degrees(np.arctan2(east, north))[0] + error_deg
    return [
        SightLine(line.source, line.lat, line.lon, float(azimuth[i] % 360.0), line.sigma_deg)
        for i, line in enumerate(blind)
    ]


def run(population: Iterator[Case]) -> dict[str, float]:
    """Figures over all cases; an ambiguous fix counts with its first hypothesis."""
    errors, bounds, nees, flagged, any_close, behind = [], [], [], [], [], 0
    unlocated, spent = 0, 0.0
    for case in population:
        start = time.process_time()
        fix = locate(case.lines)
        spent += time.process_time() - start
        if not fix.hypotheses:
            unlocated += 1
            continue
        away = []
        for hypothesis in fix.hypotheses:
            offset = np.array(CENTRE.to_enu(hypothesis.lat, hypothesis.lon)) - case.truth
            away.append(float(np.hypot(*offset)))
            if hypothesis is fix.hypotheses[0]:
                nees.append(float(offset @ np.linalg.solve(np.array(hypothesis.cov_m2), offset)))
                behind += sum(abs(residual) * SIGMA_DEG >= 90 for residual in hypothesis.residuals_sigma)
        errors.append(away[0])
        bounds.append(case.bound_m2)
        flagged.append(fix.ambiguous)
        any_close.append(min(away) <= 3 * math.sqrt(case.bound_m2))
    error, bound, flag = np.array(errors), np.array(bounds), np.array(flagged)
    close = error <= 3 * np.sqrt(bound)
    total = len(error) + unlocated
    wrong = ~close
    return {
        "cases": total,
        "unlocated": unlocated,
        "rms_over_bound": round(float(np.sqrt((error**2).mean() / bound.mean())), 4),
        "median_m": round(float(np.median(error)), 1),
        "p90_m": round(float(np.quantile(error, 0.9)), 1),
        "coverage_95": round(float((np.array(nees) < 5.991).mean()), 4),
        "ambiguous": round((float(flag.sum()) + unlocated) / total, 4),
        "within_3_bounds": round(float(close.sum()) / total, 4),
        "within_3_bounds_of_unflagged": round(float(close[~flag].mean()), 4) if (~flag).any() else 1.0,
        "within_3_bounds_or_flagged": round((float((close | flag).sum()) + unlocated) / total, 4),
        "any_hypothesis_within_3_bounds": round(sum(any_close) / total, 4),
        "wrong_flagged": round(float(flag[wrong].mean()), 4) if wrong.any() else 1.0,
        "behind_a_camera": behind,
        "ms_per_call": round(1000 * spent / total, 3),
    }


def _missed(bars: tuple[Bar, ...], figures: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"{name}: {figure} = {figures[name][figure]}, wanted {low} to {high}"
        for name, figure, low, high in bars
        if not low <= figures[name][figure] <= high
    ]


def main() -> int:
    """Run all populations, print the figures, compare with the bars."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seed, trials = options.seed, options.trials
    figures = {f"{n}_cameras": run(cases(seed, trials, n)) for n in (2, 3, 4, 5, 6, 8)}
    figures["3_cameras_disc"] = run(cases(seed + 1, trials, 3, disc=True))
    figures["3_cameras_one_wrong"] = run(cases(seed, trials, 3, wrong=1))
    figures["4_cameras_one_wrong"] = run(cases(seed, trials, 4, wrong=1))
    figures["6_cameras_15_percent_wrong"] = run(cases(seed, 5 * trials, 6, wrong_rate=0.15))  # figures near their bars
    figures["several_fires"] = run_scenes(scenes(seed, trials // 2, 0.05))
    figures["several_fires_10_percent"] = run_scenes(scenes(seed + 1, trials // 2, 0.10))
    missed = _missed(BARS, figures)
    result = {"seed": seed, "trials": trials, "figures": figures, "missed": missed}
    print(json.dumps(result, indent=1))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
