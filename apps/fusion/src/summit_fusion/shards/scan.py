"""What goes into a shard and what comes out: detections and tracks on the earth, as columns."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints, Marks
from summit_fusion.jipda.sane import covariances

WIDEST_M = 1e6
"""Noise of a kilometre-wide cell tower fix is evidence; noise of a thousand kilometres is none."""


@dataclass(frozen=True, slots=True)
class GeoScan:
    """One sensor's detections of one time (or of a short window that ends at ``time``), as columns of n rows.

    ``time``, ``at``: unix seconds, ``at`` not after ``time``. ``lat``, ``lon``: WGS-84 degrees. ``noise`` (n, 3):
    covariance east-east, east-north, north-north at the place, m2. ``key``: number of each detection, unique for ever,
    0 or more. ``clutter``: false detections a square metre and scan. ``detect``: probability of detection within
    ``view`` (latitude, longitude, radius in metres; None means everywhere). ``evidence``: further columns of jipda
    ``Detections``, by name.
    """

    time: float
    sensor: str
    lat: Floats
    lon: Floats
    noise: Floats
    at: Floats
    key: Ints
    clutter: float
    detect: float = 0.9
    view: tuple[float, float, float] | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def of(
        cls,
        time: float,
        sensor: str,
        lat: Floats,
        lon: Floats,
        noise: Floats,
        key: Ints,
        *,
        clutter: float,
        at: Floats | None = None,
        detect: float = 0.9,
        view: tuple[float, float, float] | None = None,
        **evidence: Any,
    ) -> tuple["GeoScan", int]:
        """A scan without its nonsense, and how many rows that was. A scan that is nonsense as a whole is an error."""
        if not math.isfinite(time) or not (math.isfinite(clutter) and clutter > 0.0) or not 0.0 <= detect < 1.0:
            raise ValueError("a scan needs a finite time, clutter above 0 and a probability of detection below 1")
        if view is not None and not (abs(view[0]) <= 90.0 and math.isfinite(view[1]) and 0.0 < view[2] < math.inf):
            raise ValueError("a field of view is a latitude, a longitude and a radius above 0")
        times = np.full(len(key), float(time)) if at is None else at
        good = sane(time, lat, lon, noise, times, key)
        whole = cls(
            float(time), sensor, lat.astype(float), _short_way(lon), noise.astype(float), times.astype(float),
            key.astype(np.int64), clutter, detect, view, {k: v for k, v in evidence.items() if v is not None},
        )  # fmt: skip
        return whole.rows(np.flatnonzero(good)), int(len(good) - good.sum())

    def rows(self, chosen: Ints) -> "GeoScan":
        """Some of the detections."""
        columns = {name: getattr(self, name)[chosen] for name in ("lat", "lon", "noise", "at", "key")}
        return replace(self, **columns, evidence=self.evidence_of(chosen))

    def evidence_of(self, chosen: Ints) -> dict[str, Any]:
        """Columns are cut, what is one thing for the whole scan stays."""
        return {name: v[chosen] if isinstance(v, np.ndarray) and v.ndim else v for name, v in self.evidence.items()}


def sane(time: float, lat: Floats, lon: Floats, noise: Floats, at: Floats, key: Ints) -> Marks:
    """Which rows mean something. The first of several rows with the same key counts."""
    with np.errstate(invalid="ignore", over="ignore"):
        good = np.isfinite(lat) & (np.abs(lat) <= 90.0) & np.isfinite(lon) & (np.abs(lon) <= 360.0)
        good &= np.isfinite(at) & (at <= time) & (key >= 0)
        good &= covariances(noise) & (np.maximum(noise[:, 0], noise[:, 2]) < WIDEST_M**2)
    once = np.zeros(len(key), np.bool_)
    once[np.unique(key, return_index=True)[1]] = True
    return np.asarray(good & once, np.bool_)


def _short_way(lon: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray((lon.astype(float) + 180.0) % 360.0 - 180.0)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a scan: rows that this shard decides, that it uses to know about its neighbour's tracks, that are
    none of its business, that lie farther than its frames reach, and that were older than the window of late data.

    ``late`` comes out when it is noticed: with the scan itself or with one of those that follow.
    """

    used: int = 0
    halo: int = 0
    elsewhere: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class GeoEstimate:
    """Tracks that are shown, at one time. n rows; ``id`` is a ULID (128 bits as 26 characters), never given twice.

    ``velocity`` (n, 2): east, north, m/s. ``cov`` (n, 4, 4): of east, north, velocity east, velocity north at the
    place, m2, m2/s, m2/s2. ``heard``: unix time of the last detection that was its own, ``born``: of its first scan.
    ``more``: whatever else the tracker knows of each (height, climb, class evidence ...), columns by their name there.
    """

    time: float
    id: list[str]
    lat: Floats
    lon: Floats
    velocity: Floats
    cov: Floats
    existence: Floats
    confirmed: Marks
    hits: Ints
    heard: Floats
    born: Floats
    more: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a track is what it is. Detections newest first: ``key``, ``sensor``, ``at`` (unix time of their scan) and
    ``share``, the probability that it was of this track. ``more`` as in ``GeoEstimate``, of this one track."""

    id: str
    key: Ints
    sensor: list[str]
    at: Floats
    share: Floats
    more: dict[str, Any] = field(default_factory=dict)
