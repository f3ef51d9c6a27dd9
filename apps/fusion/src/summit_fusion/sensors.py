"""Sensor models: what a report, and its absence, says about what is there.

A *cooperative* source reports only itself (a GPS device, a transponder): whoever is not heard may still be there, so
absence counts for almost nothing, and a report is hardly ever false. What reports *others* (radar, lidar, a camera with
positions) sees a part of what is in its field of view and some that is not there. How large that field is, how much of
what is there it sees, and how much of what it says is false are learnt from its reports, for each source by itself:
a sensor that never sees the aircraft above it must not speak against them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from summit_core.geo import MEAN_RADIUS_M, destination, initial_bearing_deg
from summit_core.model import Detection, Position

Floats = NDArray[np.float64]

LEAST_DETECT, MOST_DETECT, FIRST_DETECT = 0.02, 0.9, 0.7
MEMORY: Final = 0.05
"""Weight of the newest scan in what is learnt."""
FALSE_SHARE: Final = 0.2
"""Part of what a source reports of others that is taken to be false."""
LEAST_CLUTTER: Final = 1e-9
"""False detections a square metre and scan: one on a thousand square kilometres."""
MARGIN_M: Final = 3_000.0
LEAST_RADIUS_M, MOST_RADIUS_M = 5_000.0, 500_000.0


@dataclass(frozen=True, slots=True)
class Model:
    """``window_s``: reports within it make one scan. ``sigma_m``: where a report states no uncertainty. ``detect`` and
    ``clutter``: see ``GeoScan``; None where they are learnt."""

    window_s: float
    sigma_m: float
    detect: float | None = None
    clutter: float | None = None


COOPERATIVE: Final = Model(window_s=0.25, sigma_m=25.0, detect=0.002, clutter=1e-12)
"""A device every 2 to 10 s is silent in 8 to 40 windows between two reports, and others never say anything at all: at
this probability a minute of that costs a track a third of its odds, and a single report wins them back a
thousandfold."""
OTHERS: Final = Model(window_s=0.1, sigma_m=25.0)
CLASSIFIED: Final = Model(window_s=0.1, sigma_m=100.0, detect=0.05, clutter=1e-8)
"""Detections of a class with a position: whoever made them looked somewhere else the next moment."""

SCHEMES: Final[Mapping[str, str]] = MappingProxyType({"icao": "adsb", "mmsi": "ais", "mavlink": "mavlink"})
"""By the scheme of the identity: which cooperative reports make scans together. All others: ``device``."""


def sensor_of(observation: Position | Detection) -> tuple[str, Model]:
    """The name under which its reports are scans, and how they are to be understood."""
    if isinstance(observation, Detection):
        return f"{observation.source}/detections", CLASSIFIED
    if observation.identity is None:
        return observation.source, OTHERS
    return f"={SCHEMES.get(observation.identity.partition(':')[0], 'device')}", COOPERATIVE


class Coverage(msgspec.Struct):
    """What has been learnt of a source that reports others: the circle that it reports from, how many reports make one
    of its scans, and which part of the tracks in the circle that is."""

    lat: float
    lon: float
    radius_m: float = LEAST_RADIUS_M
    reports: float = 1.0
    seen: float = FIRST_DETECT

    @property
    def view(self) -> tuple[float, float, float]:
        """Wider than all that was reported: what is just outside it could never be the next report."""
        return self.lat, self.lon, 1.1 * self.radius_m + MARGIN_M

    @property
    def detect(self) -> float:
        return min(max(self.seen, LEAST_DETECT), MOST_DETECT)

    @property
    def clutter(self) -> float:
        area = np.pi * self.radius_m**2
        return max(LEAST_CLUTTER, FALSE_SHARE * self.reports / float(area))

    def learn(self, lat: Floats, lon: Floats, shown: tuple[Floats, Floats]) -> None:
        """From the places of one scan, and those of the tracks in the picture."""
        self._widen(lat, lon)
        here = int((distances_m(self.lat, self.lon, *shown) <= self.radius_m).sum())
        self.reports += MEMORY * (len(lat) - self.reports)
        if here:
            self.seen += MEMORY * (min(1.0, len(lat) / here) - self.seen)

    def _widen(self, lat: Floats, lon: Floats) -> None:
        """To the smallest circle that holds the last one and the farthest report (Ritter 1990)."""
        away = distances_m(self.lat, self.lon, lat, lon)
        while away.max(initial=0.0) > self.radius_m and self.radius_m < MOST_RADIUS_M:
            far = int(away.argmax())
            grown = min((self.radius_m + float(away[far])) / 2.0 * 1.001, MOST_RADIUS_M)
            towards = initial_bearing_deg(self.lat, self.lon, float(lat[far]), float(lon[far]))
            self.lat, self.lon = destination(self.lat, self.lon, towards, grown - self.radius_m)
            self.radius_m = grown
            away = distances_m(self.lat, self.lon, lat, lon)


def distances_m(lat: float, lon: float, lats: Floats, lons: Floats) -> Floats:
    """Great-circle distances in metres (haversine), as ``summit_core.geo.distance_m``."""
    phi, phis = np.radians(lat), np.radians(lats)
    half = np.sin((phis - phi) / 2.0) ** 2 + np.cos(phi) * np.cos(phis) * np.sin(np.radians(lons - lon) / 2.0) ** 2
    return np.asarray(2.0 * MEAN_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, half))))
