"""Height: a filter of its own with constant climb, because most sensors tell none and a tangent plane cannot hold it.

A row holds height (m above the ellipsoid), climb (m/s), their covariance (hh, hc, cc) and the time of the estimate. It
is moved only when a height comes; a row with hh = 0 knows nothing. Process noise as in `predict`.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Floats, Ints

WIDTH: Final = 6
H, C, HH, HC, CC, AT = range(WIDTH)
ROOT_TWO_PI: Final = math.sqrt(2.0 * math.pi)
MOST_ALTITUDE_M: Final = 1e5
LEAST_WEIGHT: Final = 1e-9


@dataclass(frozen=True, slots=True)
class HeightSettings:
    """What is assumed of heights; a ratio says how much likelier a height is of a track than of anything else."""

    q: float = 1.0
    """Power spectral density of white vertical acceleration, m2/s3."""
    climb_sigma_mps: float = 10.0
    """Of the climb of a track whose height was told once."""
    birth_sigma_m: float = 1000.0
    """Of a height that may be another target's."""
    spread_m: float = 500.0
    """Heights of what has nothing to do with each other are spread over about that much."""
    least: float = 0.01
    """No height speaks against a track more than that: barometers are off by a hundred metres on a bad day."""
    most: float = 10.0

    def row(self) -> Floats:
        return np.array(
            [self.q, self.climb_sigma_mps**2, self.birth_sigma_m**2, self.spread_m, self.least, self.most]
        )  # fmt: skip


def sane_heights(alt: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Both NaN where one of them is nonsense: a bad height costs no position."""
    with np.errstate(invalid="ignore"):
        good = (np.abs(alt) < MOST_ALTITUDE_M) & (sigma > 0.0) & (sigma < MOST_ALTITUDE_M)
    return np.where(good, alt, np.nan), np.where(good, sigma, np.nan)


@kernel
def foresee(height: Floats, i: int, time: float, q: float) -> tuple[float, float, float, float, float]:
    """Row i at ``time``: height, climb, hh, hc, cc."""
    dt = time - height[i, AT]
    noise, hc, cc = abs(dt) * q, height[i, HC], height[i, CC]
    hh = height[i, HH] + dt * (2.0 * hc + dt * cc) + noise * dt * dt / 3.0
    return height[i, H] + dt * height[i, C], height[i, C], hh, hc + dt * cc + noise * dt / 2.0, cc + noise


@kernel
def weigh_heights(
    psi: Floats, height: Floats, start: Ints, edges: Ints, alt: Floats, sigma: Floats, lag: Floats, time: float,
    model: Floats,
) -> None:  # fmt: skip
    """Multiply ``psi`` of each edge whose detection and track both have a height by its likelihood ratio."""
    for i in range(len(start) - 1):
        if height[i, HH] <= 0.0 or start[i] == start[i + 1]:
            continue
        up, climb, hh, hc, cc = foresee(height, i, time, model[0])
        for e in range(start[i], start[i + 1]):
            j = edges[e]
            if not math.isnan(alt[j]):
                total = hh + lag[j] * (2.0 * hc + lag[j] * cc) + sigma[j] * sigma[j]
                off = alt[j] - up - lag[j] * climb
                ratio = model[3] * math.exp(-0.5 * off * off / total) / (ROOT_TWO_PI * math.sqrt(total))
                psi[e] *= min(max(ratio, model[4]), model[5])


@kernel
def begin_height(
    height: Floats, i: int, alt: float, sigma: float, lag: float, time: float, sure: float, model: Floats
) -> None:
    """Row i knows one height, which is its own with probability ``sure``."""
    height[i, H], height[i, C], height[i, AT] = alt, 0.0, time
    height[i, HH] = sigma * sigma + lag * lag * model[1] + (1.0 - sure) * model[2]
    height[i, HC], height[i, CC] = -lag * model[1], model[1]


@kernel
def begin_heights(
    height: Floats, before: int, begun: Ints, alt: Floats, sigma: Floats, lag: Floats, time: float, model: Floats
) -> None:
    """The rows from ``before`` on began at the detections ``begun``."""
    for k in range(len(begun)):
        j = begun[k]
        if not math.isnan(alt[j]):
            begin_height(height, before + k, alt[j], sigma[j], lag[j], time, 1.0, model)


@kernel
def learn_heights(
    height: Floats, existence: Floats, start: Ints, edges: Ints, share: Floats, alt: Floats, sigma: Floats,
    lag: Floats, time: float, model: Floats,
) -> None:  # fmt: skip
    """All rows in place: the moment-matched mixture of the detections with a height and of "none of these"."""
    for i in range(len(start) - 1):
        known, told, d0, d1, m0, m1, m2 = height[i, HH] > 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        up, climb, hh, hc, cc = foresee(height, i, time, model[0])
        for e in range(start[i], start[i + 1]):
            j, weight = edges[e], share[e] / existence[i] if existence[i] > 0.0 else 0.0
            if math.isnan(alt[j]) or not weight > LEAST_WEIGHT:
                continue
            if not known:
                if weight > 0.5:
                    begin_height(height, i, alt[j], sigma[j], lag[j], time, min(1.0, weight), model)
                continue
            a, b = hh + lag[j] * hc, hc + lag[j] * cc
            total = a + lag[j] * b + sigma[j] * sigma[j]
            off = (alt[j] - up - lag[j] * climb) / total
            told += weight
            d0 += weight * a * off
            d1 += weight * b * off
            m0 += weight * a * a * (off * off - 1.0 / total)
            m1 += weight * a * b * (off * off - 1.0 / total)
            m2 += weight * b * b * (off * off - 1.0 / total)
        if told > 0.0:
            scale = 1.0 / max(1.0, told)
            d0, d1 = d0 * scale, d1 * scale
            height[i, H], height[i, C], height[i, AT] = up + d0, climb + d1, time
            height[i, HH] = hh + m0 * scale - d0 * d0
            height[i, HC] = hc + m1 * scale - d0 * d1
            height[i, CC] = cc + m2 * scale - d1 * d1


@kernel
def heights_at(height: Floats, time: float, q: float) -> tuple[Floats, Floats]:
    """Height and climb (n, 2) and their covariance hh, hc, cc (n, 3) at ``time``; NaN where nothing is known."""
    state, cov = np.full((len(height), 2), np.nan), np.full((len(height), 3), np.nan)
    for i in range(len(height)):
        if height[i, HH] > 0.0:
            state[i, 0], state[i, 1], cov[i, 0], cov[i, 1], cov[i, 2] = foresee(height, i, time, q)
    return state, cov
