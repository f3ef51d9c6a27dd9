"""Bearings from cameras: directions without a range pull the tracks that exist, and begin none.

An extended Kalman filter about each model (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and
Navigation", section 10.3) in the association of `associate`. What a camera does not see where it would see is evidence
against a track, as with every sensor.
"""

import math
from dataclasses import dataclass

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.associate import associate, weigh
from summit_fusion.jipda.layout import UU, UV, VV, XU, XV, XX, XY, YU, YV, YY, Arrays, Floats, Ints
from summit_fusion.jipda.update import LEAST_WEIGHT, begin_mixture, collapse, outlast, weight_of

GATE = 15.0
"""Squared Mahalanobis distance, chi-square with 1 degree of freedom: leaves out 1 in 10,000."""


@dataclass(frozen=True, slots=True)
class Bearings:
    """One camera's bearings at one time, in the local east-north frame.

    ``azimuth`` (n,): radians clockwise from north; ``sigma`` (n,): radians; ``origin`` (n, 2): where the camera was at
    each, metres; ``at`` (n,): seconds, not later than ``time``. ``clutter``: false bearings a radian and scan;
    ``detect``: probability of detection inside the field of view. ``view`` is that field: where the camera is (east,
    north), the azimuth of its axis, half its width (pi: all round) and how far it sees, in metres and radians.
    """

    time: float
    azimuth: Floats
    sigma: Floats
    origin: Floats
    at: Floats
    clutter: float
    detect: float
    view: tuple[float, float, float, float, float]
    sensor: str = ""

    def __post_init__(self) -> None:
        if not len(self.azimuth) == len(self.sigma) == len(self.origin) == len(self.at):
            raise ValueError("azimuth, sigma, origin and at must have one row a bearing")

    @classmethod
    def of(
        cls,
        time: float,
        azimuth: Floats,
        sigma: Floats,
        origin: Floats,
        *,
        clutter: float,
        detect: float,
        view: tuple[float, float, float, float, float],
        at: Floats | None = None,
        sensor: str = "",
    ) -> tuple["Bearings", int]:
        """A scan without its nonsense (not finite, no uncertainty, from the future), and how many that were."""
        times = np.full(len(azimuth), time) if at is None else at
        with np.errstate(invalid="ignore"):
            good = np.isfinite(azimuth) & np.isfinite(sigma) & np.isfinite(origin).all(1) & np.isfinite(times)
            good &= (sigma > 1e-6) & (times <= time) & (np.abs(origin).max(1, initial=0.0) < 1e9)
        scan = cls(
            time, azimuth[good] % (2.0 * math.pi), sigma[good], np.ascontiguousarray(origin[good]), times[good],
            clutter, detect, view, sensor,
        )  # fmt: skip
        return scan, int(len(azimuth) - good.sum())

    def probability(self, tracks: Arrays) -> Floats:
        """Probability of detection of each track: that of the camera times the part of the track that is in view.

        At the edges of the field it goes down over the uncertainty of the track, so that one which may be outside is
        not blamed for its absence.
        """
        east, north, axis, half, reach = self.view
        place = tracks.mean[: tracks.count, 0, :2] - (east, north)
        spread = np.sqrt(np.maximum(tracks.cov[: tracks.count, 0, XX], tracks.cov[: tracks.count, 0, YY]))
        distance = np.maximum(np.hypot(place[:, 0], place[:, 1]), 1e-3)
        off = np.abs((np.arctan2(place[:, 0], place[:, 1]) - axis + math.pi) % (2.0 * math.pi) - math.pi)
        across = np.full(len(off), np.inf) if half >= math.pi else (half - off) * distance
        inside = np.minimum(across, reach - distance) / np.maximum(spread, 1e-3)
        return self.detect / (1.0 + np.exp(-1.702 * np.clip(inside, -20.0, 20.0)))  # logistic for the normal integral


def absorb_bearings(tracks: Arrays, scan: Bearings) -> Floats:
    """Update the tracks, which are predicted to the time of the scan; returns the probability of each bearing that it
    is of no known track."""
    lag = scan.at - scan.time
    start, edges, values = gate_bearings(
        tracks.mean, tracks.cov, tracks.count, scan.azimuth, scan.sigma, scan.origin, lag
    )
    detect = scan.probability(tracks)
    psi, missed = weigh(start, values, tracks.cruise, tracks.existence, detect, scan.clutter, tracks.count)
    share, none, alone = associate(start, edges, psi, missed, len(scan.azimuth))
    update_bearings(
        tracks.mean, tracks.cov, tracks.cruise, tracks.existence, detect, start, edges, values, share, none,
        scan.azimuth, scan.sigma, scan.origin, lag,
    )  # fmt: skip
    return alone


@kernel
def sight(
    mean: Floats, cov: Floats, i: int, m: int, azimuth: Floats, sigma: Floats, origin: Floats, lag: Floats, j: int
) -> tuple[float, float, float, float]:
    """Innovation of bearing j against model m of track i (radians, the short way round), its variance, and how the
    azimuth changes with east and north (radians a metre)."""
    late = lag[j]
    east = mean[i, m, 0] + late * mean[i, m, 2] - origin[j, 0]
    north = mean[i, m, 1] + late * mean[i, m, 3] - origin[j, 1]
    xx = cov[i, m, XX] + late * (2.0 * cov[i, m, XU] + late * cov[i, m, UU])
    xy = cov[i, m, XY] + late * (cov[i, m, XV] + cov[i, m, YU] + late * cov[i, m, UV])
    yy = cov[i, m, YY] + late * (2.0 * cov[i, m, YV] + late * cov[i, m, VV])
    square = max(east * east + north * north, 1.0)
    by_east, by_north = north / square, -east / square
    # second-order term: close to the camera a bearing is not linear in the place
    bend = (xx + yy) / square
    variance = by_east * (by_east * xx + 2.0 * by_north * xy) + by_north * by_north * yy
    variance += sigma[j] * sigma[j] + 0.5 * bend * bend
    off = azimuth[j] - math.atan2(east, north)
    off -= 2.0 * math.pi * math.floor((off + math.pi) / (2.0 * math.pi))
    return off, variance, by_east, by_north


@kernel
def gate_bearings(
    mean: Floats, cov: Floats, count: int, azimuth: Floats, sigma: Floats, origin: Floats, lag: Floats
) -> tuple[Ints, Ints, Floats]:
    """Edges in the order of the tracks, as `gate`; densities a radian."""
    start = np.zeros(count + 1, np.int64)
    edges, values = np.empty(count * len(azimuth), np.int64), np.empty((count * len(azimuth), 2))
    used = 0
    for i in range(count):
        for j in range(len(azimuth)):
            near, narrow, _, _ = sight(mean, cov, i, 0, azimuth, sigma, origin, lag, j)
            far, wide, _, _ = sight(mean, cov, i, 1, azimuth, sigma, origin, lag, j)
            if min(near * near / narrow, far * far / wide) <= GATE:
                edges[used] = j
                values[used, 0] = math.exp(-0.5 * near * near / narrow) / math.sqrt(2.0 * math.pi * narrow)
                values[used, 1] = math.exp(-0.5 * far * far / wide) / math.sqrt(2.0 * math.pi * wide)
                used += 1
        start[i + 1] = used
    return start, edges[:used], values[:used]


@kernel
def turn(
    mean: Floats, cov: Floats, i: int, m: int, azimuth: Floats, sigma: Floats, origin: Floats, lag: Floats, j: int,
    weight: float, shift: Floats, moment: Floats,
) -> None:  # fmt: skip
    """Kalman update of model m of track i with bearing j, added with ``weight`` to the sums of the mixture."""
    late = lag[j]
    off, variance, a, b = sight(mean, cov, i, m, azimuth, sigma, origin, lag, j)
    c = cov[i, m]
    x = c[XX] * a + c[XY] * b + late * (c[XU] * a + c[XV] * b)
    y = c[XY] * a + c[YY] * b + late * (c[YU] * a + c[YV] * b)
    u = c[XU] * a + c[YU] * b + late * (c[UU] * a + c[UV] * b)
    v = c[XV] * a + c[YV] * b + late * (c[UV] * a + c[VV] * b)
    k = off / variance
    # what the bearing takes off the covariance, against the spread of the mixture
    less = k * k - 1.0 / variance
    shift[0] += weight * k * x
    shift[1] += weight * k * y
    shift[2] += weight * k * u
    shift[3] += weight * k * v
    moment[XX] += weight * (c[XX] + less * x * x)
    moment[XY] += weight * (c[XY] + less * x * y)
    moment[YY] += weight * (c[YY] + less * y * y)
    moment[XU] += weight * (c[XU] + less * x * u)
    moment[XV] += weight * (c[XV] + less * x * v)
    moment[YU] += weight * (c[YU] + less * y * u)
    moment[YV] += weight * (c[YV] + less * y * v)
    moment[UU] += weight * (c[UU] + less * u * u)
    moment[UV] += weight * (c[UV] + less * u * v)
    moment[VV] += weight * (c[VV] + less * v * v)


@kernel
def update_bearings(
    mean: Floats, cov: Floats, cruise: Floats, existence: Floats, detect: Floats, start: Ints, edges: Ints,
    values: Floats, share: Floats, none: Floats, azimuth: Floats, sigma: Floats, origin: Floats, lag: Floats,
) -> None:  # fmt: skip
    """All tracks in place, as `update`."""
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
                    turn(mean, cov, i, m, azimuth, sigma, origin, lag, edges[e], weight, shift, moment)
                    total += weight
            totals[m] = total
            if total > LEAST_WEIGHT:
                collapse(mean, cov, i, m, shift, moment, total)
        cruise[i] = totals[0] / (totals[0] + totals[1])
