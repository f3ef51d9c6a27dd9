"""Predict: interaction of the two models, then constant velocity with white acceleration.

Blom and Bar-Shalom, "The interacting multiple model algorithm", IEEE TAC 33 (1988); process noise: Bar-Shalom, Li,
Kirubarajan, "Estimation with Applications to Tracking and Navigation", equation 6.2.2-12.
"""

import math

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.layout import UU, UV, VV, XU, XV, XX, XY, YU, YV, YY, Floats, Ints


@inlined
def mix(mean: Floats, cov: Floats, cruise: float, leave_cruise: float, leave_manoeuvre: float) -> float:
    """Mix the two models of one track in place; returns the predicted probability of the first.

    ``leave_*``: probability of a change of model within the step.
    """
    other = 1.0 - cruise
    to_first = cruise * (1.0 - leave_cruise) + other * leave_manoeuvre
    to_second = 1.0 - to_first
    first = cruise * (1.0 - leave_cruise) / to_first if to_first > 0.0 else 1.0
    second = cruise * leave_cruise / to_second if to_second > 0.0 else 0.0
    d0 = mean[0, 0] - mean[1, 0]
    d1 = mean[0, 1] - mean[1, 1]
    d2 = mean[0, 2] - mean[1, 2]
    d3 = mean[0, 3] - mean[1, 3]
    spread = (d0 * d0, d0 * d1, d1 * d1, d0 * d2, d0 * d3, d1 * d2, d1 * d3, d2 * d2, d2 * d3, d3 * d3)
    spread_first = first * (1.0 - first)
    spread_second = second * (1.0 - second)
    for k in range(4):
        a, b = mean[0, k], mean[1, k]
        mean[0, k] = b + first * (a - b)
        mean[1, k] = b + second * (a - b)
    for k in range(10):
        a, b = cov[0, k], cov[1, k]
        cov[0, k] = b + first * (a - b) + spread_first * spread[k]
        cov[1, k] = b + second * (a - b) + spread_second * spread[k]
    return to_first


@inlined
def move(mean: Floats, cov: Floats, dt: float, q: float) -> None:
    """One model ``dt`` seconds on, in place; ``q`` in m2/s3."""
    mean[0] += mean[2] * dt
    mean[1] += mean[3] * dt
    noise = abs(dt) * q
    uu, uv, vv = cov[UU], cov[UV], cov[VV]
    cov[XX] += dt * (2.0 * cov[XU] + dt * uu) + noise * dt * dt / 3.0
    cov[XY] += dt * (cov[XV] + cov[YU] + dt * uv)
    cov[YY] += dt * (2.0 * cov[YV] + dt * vv) + noise * dt * dt / 3.0
    cov[XU] += dt * uu + noise * dt / 2.0
    cov[XV] += dt * uv
    cov[YU] += dt * uv
    cov[YV] += dt * vv + noise * dt / 2.0
    cov[UU] = uu + noise
    cov[VV] = vv + noise


@kernel
def predict(
    mean: Floats, cov: Floats, cruise: Floats, existence: Floats, at: Floats, count: int, time: float, motions: Floats,
    preset: Ints,
) -> None:  # fmt: skip
    """All tracks to ``time``. A row of ``motions``: q of each model, mean stay in each, mean life (seconds).

    ``preset``: the row of each track; when it is empty all move by the first."""
    known, of, leave_cruise, leave_manoeuvre, lives = 0.0, -1, 0.0, 0.0, 1.0
    for i in range(count):
        dt = time - at[i]
        if dt == 0.0:
            continue
        k = preset[i] if len(preset) > 0 else 0
        if dt != known or k != of:  # nearly all have the same
            known, of = dt, k
            leave_cruise = 1.0 - math.exp(-abs(dt) / motions[k, 2])
            leave_manoeuvre = 1.0 - math.exp(-abs(dt) / motions[k, 3])
            lives = math.exp(-abs(dt) / motions[k, 4])
        cruise[i] = mix(mean[i], cov[i], cruise[i], leave_cruise, leave_manoeuvre)
        move(mean[i, 0], cov[i, 0], dt, motions[k, 0])
        move(mean[i, 1], cov[i, 1], dt, motions[k, 1])
        existence[i] *= lives
        at[i] = time
