"""When a noisy position has crossed: clearly inside, or clearly outside (ADR 0013). Pure; metres.

Noise is kept out by distance alone. To count consecutive positions would need a memory that a crash loses, and helps
little: the errors of satellite navigation and of a tracker are alike from one position to the next.
"""

import math
from typing import Final

from summit_core.model import Zone
from summit_core.model.common import Matrix2

CLEARLY_SIGMAS: Final = 4.0
"""Of a position that rests on the boundary, one in 32,000 is farther off than this (Gaussian, one side)."""
ASSUMED_SIGMA_M: Final = 5.0
"""Of a position that says nothing of its accuracy: satellite navigation under open sky."""
LEAST_SIGMA_M: Final = 0.25
CLEARLY_VERTICAL_M: Final = 10.0
"""Altitudes say nothing of their accuracy; 10 m is two to three standard deviations of barometer and satellite."""


def sigma_of(cov_m2: Matrix2 | None) -> float:
    """The largest standard deviation in any direction, metres."""
    if cov_m2 is None:
        return ASSUMED_SIGMA_M
    (ee, en), (_, nn) = cov_m2
    largest = (ee + nn) / 2 + math.hypot((ee - nn) / 2, en)
    return max(LEAST_SIGMA_M, math.sqrt(max(largest, 0.0)))


def margins(sigma_m: float, depth_m: float) -> tuple[float, float]:
    """How far inside an entity has entered, and how far outside it has left, metres.

    Four standard deviations each; a zone too shallow for that is entered earlier, never before one, and is left that
    much later: the gap between the two, which is what noise must bridge, stays eight.
    """
    enter = max(sigma_m, min(CLEARLY_SIGMAS * sigma_m, depth_m / 2))
    return enter, 2 * CLEARLY_SIGMAS * sigma_m - enter


def is_level(zone: Zone, alt_m: float | None, *, was_inside: bool) -> bool:
    """Whether an altitude is in the zone's band; one that is not stated is, because nobody can say that it is not."""
    if alt_m is None or (zone.floor_m is None and zone.ceiling_m is None):
        return True
    above = math.inf if zone.floor_m is None else alt_m - zone.floor_m
    below = math.inf if zone.ceiling_m is None else zone.ceiling_m - alt_m
    enter = min(CLEARLY_VERTICAL_M, (above + below) / 4)
    return min(above, below) >= (enter - 2 * CLEARLY_VERTICAL_M if was_inside else enter)
