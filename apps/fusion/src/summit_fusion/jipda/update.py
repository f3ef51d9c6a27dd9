"""Update: each model becomes the moment-matched mixture of "missed" and of every detection in the gate.

Bar-Shalom, Daum, Huang, "The probabilistic data association filter", IEEE Control Systems Magazine 29 (2009); with the
models of the IMM weighed by the likelihood of what they predicted.
"""

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.layout import UU, UV, VV, XU, XV, XX, XY, YU, YV, YY, Floats, Ints

MOST_EXISTENCE = 0.99999
LEAST_WEIGHT = 1e-9


@inlined
def condition(
    mean: Floats, cov: Floats, i: int, m: int, z: Floats, noise: Floats, lag: Floats, j: int, weight: float,
    shift: Floats, moment: Floats,
) -> None:  # fmt: skip
    """Kalman update of model m of track i with detection j, added with ``weight`` to the sums of the mixture: ``shift``
    from the prediction, ``moment`` about it."""
    late = lag[j]
    xx, xy, yy, xu, xv = cov[i, m, XX], cov[i, m, XY], cov[i, m, YY], cov[i, m, XU], cov[i, m, XV]
    yu, yv, uu, uv, vv = cov[i, m, YU], cov[i, m, YV], cov[i, m, UU], cov[i, m, UV], cov[i, m, VV]
    # the columns of P H': how the state varies with the measured place
    ax, ay, au, av = xx + late * xu, xy + late * yu, xu + late * uu, xv + late * uv
    bx, by, bu, bv = xy + late * xv, yy + late * yv, yu + late * uv, yv + late * vv
    sxx, sxy, syy = ax + late * au + noise[j, 0], ay + late * av + noise[j, 1], by + late * bv + noise[j, 2]
    det = sxx * syy - sxy * sxy
    ixx, ixy, iyy = syy / det, -sxy / det, sxx / det
    east = z[j, 0] - mean[i, m, 0] - late * mean[i, m, 2]
    north = z[j, 1] - mean[i, m, 1] - late * mean[i, m, 3]
    kx0, kx1 = ax * ixx + bx * ixy, ax * ixy + bx * iyy
    ky0, ky1 = ay * ixx + by * ixy, ay * ixy + by * iyy
    ku0, ku1 = au * ixx + bu * ixy, au * ixy + bu * iyy
    kv0, kv1 = av * ixx + bv * ixy, av * ixy + bv * iyy
    dx, dy = kx0 * east + kx1 * north, ky0 * east + ky1 * north
    du, dv = ku0 * east + ku1 * north, kv0 * east + kv1 * north
    shift[0] += weight * dx
    shift[1] += weight * dy
    shift[2] += weight * du
    shift[3] += weight * dv
    moment[XX] += weight * (xx - kx0 * ax - kx1 * bx + dx * dx)
    moment[XY] += weight * (xy - kx0 * ay - kx1 * by + dx * dy)
    moment[YY] += weight * (yy - ky0 * ay - ky1 * by + dy * dy)
    moment[XU] += weight * (xu - kx0 * au - kx1 * bu + dx * du)
    moment[XV] += weight * (xv - kx0 * av - kx1 * bv + dx * dv)
    moment[YU] += weight * (yu - ky0 * au - ky1 * bu + dy * du)
    moment[YV] += weight * (yv - ky0 * av - ky1 * bv + dy * dv)
    moment[UU] += weight * (uu - ku0 * au - ku1 * bu + du * du)
    moment[UV] += weight * (uv - ku0 * av - ku1 * bv + du * dv)
    moment[VV] += weight * (vv - kv0 * av - kv1 * bv + dv * dv)


@inlined
def collapse(mean: Floats, cov: Floats, i: int, m: int, shift: Floats, moment: Floats, total: float) -> None:
    """The Gaussian with the moments of the mixture becomes model m of track i."""
    scale = 1.0 / total
    dx, dy, du, dv = shift[0] * scale, shift[1] * scale, shift[2] * scale, shift[3] * scale
    mean[i, m, 0] += dx
    mean[i, m, 1] += dy
    mean[i, m, 2] += du
    mean[i, m, 3] += dv
    cov[i, m, XX] = moment[XX] * scale - dx * dx
    cov[i, m, XY] = moment[XY] * scale - dx * dy
    cov[i, m, YY] = moment[YY] * scale - dy * dy
    cov[i, m, XU] = moment[XU] * scale - dx * du
    cov[i, m, XV] = moment[XV] * scale - dx * dv
    cov[i, m, YU] = moment[YU] * scale - dy * du
    cov[i, m, YV] = moment[YV] * scale - dy * dv
    cov[i, m, UU] = moment[UU] * scale - du * du
    cov[i, m, UV] = moment[UV] * scale - du * dv
    cov[i, m, VV] = moment[VV] * scale - dv * dv


@inlined
def outlast(
    existence: Floats, detect: Floats, none: Floats, share: Floats, i: int, first: int, last: int
) -> tuple[float, float]:
    """Existence of track i after the scan, in place: returns the probability that it is there and was not seen, and
    that it is there, which is 0 where nothing lies in its gate."""
    unseen = existence[i] * (1.0 - detect[i]) / (1.0 - existence[i] * detect[i])
    if first == last:
        existence[i] = unseen
        return unseen, 0.0
    alive = none[i] * unseen
    for e in range(first, last):
        alive += share[e]
    existence[i] = min(MOST_EXISTENCE, alive)
    return unseen, alive


@inlined
def begin_mixture(cov: Floats, i: int, m: int, missed: float, shift: Floats, moment: Floats) -> None:
    """The sums of the mixture with nothing but the prediction of model m, which counts with the weight ``missed``."""
    for k in range(4):
        shift[k] = 0.0
    for k in range(10):
        moment[k] = missed * cov[i, m, k]


@inlined
def weight_of(values: Floats, share: Floats, prior: float, part: float, e: int, m: int) -> float:
    """What edge e counts in the mixture of model m: its share, as far as that model predicted it."""
    both = prior * values[e, 0] + (1.0 - prior) * values[e, 1]
    return part * share[e] * values[e, m] / both if both > 0.0 else 0.0


@kernel
def update(
    mean: Floats, cov: Floats, cruise: Floats, existence: Floats, detect: Floats, start: Ints, edges: Ints,
    values: Floats, share: Floats, none: Floats, z: Floats, noise: Floats, lag: Floats,
) -> None:  # fmt: skip
    """All tracks in place: state and models of those with something in their gate, existence of all."""
    shift, moment, totals = np.empty(4), np.empty(10), np.empty(2)
    for i in range(len(none)):
        first, last = start[i], start[i + 1]
        unseen, alive = outlast(existence, detect, none, share, i, first, last)
        if first == last:
            continue
        prior = cruise[i]
        for m in range(2):
            part = (prior if m == 0 else 1.0 - prior) / alive
            total = part * none[i] * unseen
            begin_mixture(cov, i, m, total, shift, moment)
            for e in range(first, last):
                weight = weight_of(values, share, prior, part, e, m)
                if weight > LEAST_WEIGHT:
                    condition(mean, cov, i, m, z, noise, lag, edges[e], weight, shift, moment)
                    total += weight
            totals[m] = total
            if total > LEAST_WEIGHT:
                collapse(mean, cov, i, m, shift, moment, total)
        cruise[i] = totals[0] / (totals[0] + totals[1])
