"""Survey: what a recording looks like, so that its settings can be chosen: how crowded it is, how often each target is
reported, how fast things move, and how much of it leads nowhere.

It looks at a few hundred detections spread over the recording and has no randomness: the same detections are the same
survey. Nothing in it needs to know which detections belong together: in sparse traffic the last detection from which a
target can have come is nearly always its own, and medians forgive the others.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints, Marks

CROWD_RADIUS_M: Final = 1000.0
LOOK_BACK_S: Final = 120.0
SILENT: Final = 12.0
"""Reports in a row that a target may miss before the one after them counts as one that comes from nowhere."""
FASTEST_MPS: Final = 350.0
SLOW_MPS: Final = 20.0
"""The speed that a displacement must tell from noise."""
SAMPLE: Final = 400
MOST_ROWS: Final = 5000
"""Looked through for each detection of the sample."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one sensor saw. ``every_s``: usual time between two reports of a target; ``speed_mps``: usual speed;
    ``isolated``: share of detections that come from nowhere and lead nowhere. NaN where nothing tells."""

    every_s: float
    speed_mps: float
    isolated: float


def crowd(times: Floats, places: Floats, total: int) -> float:
    """Detections a second within `CROWD_RADIUS_M` of a usual place, were they even over the area; of a sample of
    ``total`` detections. Seconds in which nothing was seen do not count."""
    if len(times) < 2:
        return math.inf
    low, high = np.percentile(places, [1, 99], axis=0)
    area = float(np.prod(np.maximum(high - low, 100.0)))
    seconds = 10.0 * len(np.unique(np.floor(times / 10.0)))
    return total / seconds / area * math.pi * CROWD_RADIUS_M**2


def traffic(times: Floats, places: Floats, sigma: Floats) -> Traffic:
    """Of one sensor's detections in the order of time: ``places`` (n, 2) and ``sigma`` (n,) in metres."""
    if len(times) == 0:
        return Traffic(math.nan, math.nan, 1.0)
    rows = np.unique(np.linspace(0, len(times) - 1, SAMPLE).astype(np.int64))
    before = np.array([_nearest(times, places, sigma, row, -LOOK_BACK_S) for row in rows])
    known = np.isfinite(before)
    if not known.any():
        return Traffic(math.nan, math.nan, 1.0)
    every = float(np.median(before[known]))
    apart = max(every, 8.0 * float(np.median(sigma)) / SLOW_MPS)
    speeds = np.array([_speed(times, places, sigma, row, apart) for row in rows])
    speeds = speeds[np.isfinite(speeds)]
    reach = max(LOOK_BACK_S, SILENT * every)
    near = np.array([[_nearest(times, places, sigma, row, way) for way in (-reach, reach)] for row in rows])
    isolated = float(np.mean(~np.isfinite(near).any(1)))
    return Traffic(every, float(np.median(speeds)) if len(speeds) else math.nan, isolated)


def _around(times: Floats, row: int, first_s: float, last_s: float) -> Ints:
    """Rows between two times after that of ``row``."""
    begin, end = np.searchsorted(times, times[row] + np.array([first_s, last_s]), side="right")
    begin, end = max(int(begin), row - MOST_ROWS), min(int(end), row + MOST_ROWS)
    return np.arange(begin, max(begin, end))


def _nearest(times: Floats, places: Floats, sigma: Floats, row: int, span_s: float) -> float:
    """Seconds to the nearest detection within ``span_s`` (below 0: before it) that can be of the same target, NaN:
    none."""
    rows = _around(times, row, min(span_s, 0.0), max(span_s, 0.0))
    lag = np.abs(times[rows] - times[row])
    reached: Marks = np.hypot(*(places[rows] - places[row]).T) <= FASTEST_MPS * lag + 4.0 * (sigma[rows] + sigma[row])
    lags = lag[reached & (lag > 0.0)]
    return float(lags.min()) if len(lags) else math.nan


def _speed(times: Floats, places: Floats, sigma: Floats, row: int, apart_s: float) -> float:
    """Least speed at which something that was there about ``apart_s`` before can be here, its noise taken off."""
    rows = _around(times, row, -1.25 * apart_s, -0.75 * apart_s)
    if len(rows) == 0:
        return math.nan
    square = ((places[rows] - places[row]) ** 2).sum(1)
    least = square - 2.0 * (sigma[rows] ** 2 + sigma[row] ** 2)
    lag = times[row] - times[rows]
    return float(np.sqrt(np.maximum(least, 0.0).min() / lag[np.argmin(least)] ** 2))
