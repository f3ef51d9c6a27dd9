"""How well each range along a line explains what a camera saw.

A plume of smoke stands at a range r and rises. What shows of it begins at its base, or, where ground before it is
higher, at the horizon in front of it: at the highest angle M(r) so far. So the elevation angle e of the lowest smoke
has the density N(e; M(r), sigma), times the chance exp(-depth / PLUME_RISE_M) that the plume has risen out of what
hides its base. Without an elevation angle only that chance remains.
"""

import math
from typing import Final

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.locate.cameras import Array
from summit_fusion.terrain.patch import Heights

PLUME_RISE_M: Final = 150.0
"""Mean height of young smoke: an assumption."""
UNKNOWN_RISE: Final = math.radians(2.0)
"""Ground where the elevation is unknown appears anywhere up to this above the horizon before it."""


def likelihood(
    slope: Heights, horizon: Heights, step_m: float, elevation: tuple[float, float] | None
) -> tuple[Array, Array]:
    """For each line and step: the likelihood, and the depth of the ground below the line of sight (metres, NaN where
    the ground is unknown). ``elevation``: angle and its sigma, radians; the likelihood is then a density (1/radian)."""
    found, depth = np.empty(slope.shape), np.empty(slope.shape)
    angle, sigma = elevation or (0.0, 0.0)
    _likelihood(slope, horizon, step_m, angle, sigma, found, depth)
    return found, depth


@kernel
def _likelihood(
    slope: Heights, horizon: Heights, step_m: float, angle: float, sigma: float, found: Array, depth: Array
) -> None:
    lines, steps = slope.shape
    for i in range(lines):
        before = -0.5 * math.pi
        for k in range(steps):
            if math.isnan(slope[i, k]):
                low = before if k > 0 else -0.5 * UNKNOWN_RISE
                found[i, k:] = _mean_density(low, low + UNKNOWN_RISE, angle, sigma) if sigma > 0.0 else 1.0
                depth[i, k:] = math.nan
                break
            depth[i, k] = (horizon[i, k] - slope[i, k]) * step_m * (k + 1)
            found[i, k] = math.exp(-depth[i, k] / PLUME_RISE_M)
            if sigma > 0.0:
                top = math.atan(horizon[i, k])
                found[i, k] *= _mean_density(before, top, angle, sigma)
                before = top


@kernel
def _mean_density(low: float, high: float, angle: float, sigma: float) -> float:
    """Mean of N(angle; m, sigma) over m from ``low`` to ``high``: a step on a steep slope holds many angles."""
    a, b = (low - angle) / sigma, (high - angle) / sigma
    if b - a < 1e-3:
        return math.exp(-0.5 * (a + b) * (a + b) / 4.0) / (sigma * math.sqrt(2.0 * math.pi))
    return 0.5 * (math.erf(b / math.sqrt(2.0)) - math.erf(a / math.sqrt(2.0))) / (high - low)
