"""The Autoferry recordings (Helgesen et al., Ocean Engineering 2022; CC0): two boats about a small ferry in a harbour,
seen by lidar and radar (positions) and by infrared and daylight cameras (bearings), with the positions of satellite
navigation as truth.

A file is a list of scans. ``measurement`` of lidar and radar is [norths, easts] of all returns, two numbers where there
is one return, or nothing, in metres from the own ship; of the cameras one azimuth, a list of them, or nothing, in
radians from north. The truth is as long as the scans and index-aligned, each position with its own time.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIDAR, RADAR = 1, 2


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a sensor of its kind is taken to be; nothing here is fitted to a recording.

    ``range_sigma_m`` and ``azimuth_sigma``: of a return or bearing, calibration included. ``false``: false detections a
    scan over all it sees.
    """

    name: str
    reach_m: float
    detect: float
    false: float
    azimuth_sigma: float
    range_sigma_m: float = 0.0
    every_s: float = 0.0
    """Frames of a camera that are nearer than this to each other share their error: only the first is used."""


SENSORS = {
    1: Sensor("lidar", 90.0, 0.5, 0.3, math.radians(1.5), 2.0),
    2: Sensor("radar", 500.0, 0.9, 10.0, math.radians(3.0), 6.0),
    3: Sensor("infrared", 150.0, 0.3, 1.0, math.radians(3.0), every_s=3.0),
    4: Sensor("daylight", 250.0, 0.3, 1.0, math.radians(3.0), every_s=3.0),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """``seen``: (n, 2) east and north in metres, or (n,) azimuths; ``own``: east and north of the own ship."""

    time: float
    sensor: int
    own: Floats
    seen: Floats


@dataclass(frozen=True, slots=True)
class Scenario:
    """Times in seconds from the first scan; metres east and north of the origin of the recording.

    ``paths``: of each target (n, 3) time, east, north.
    """

    name: str
    scans: list[Scan]
    paths: dict[int, Floats]

    @property
    def end(self) -> float:
        return self.scans[-1].time

    def truth(self, time: float) -> tuple[list[int], Floats]:
        """Targets with their states (n, 4) at a time: on the line between the positions beside it."""
        known = [key for key, path in sorted(self.paths.items()) if path[0, 0] <= time <= path[-1, 0]]
        return known, np.array([_state(self.paths[key], time) for key in known]).reshape(-1, 4)


def scenarios(folder: Path) -> Iterator[Scenario]:
    """Every scenario of a folder, in the order of the names."""
    for path in sorted(folder.glob("*_detections.json")):
        name = path.name.removesuffix("_detections.json")
        rows = json.loads(path.read_text())
        truth = json.loads((folder / f"{name}_groundTruth.json").read_text())
        begin = rows[0]["time"]
        yield Scenario(name, [_scan(row, begin) for row in rows], _paths(truth, begin))


def _scan(row: dict[str, Any], begin: float) -> Scan:
    own = np.array(row["ownshipPosition"][:2], float)[::-1]
    seen = np.array([] if row["measurement"] is None else row["measurement"], float)
    if row["sensorID"] in (LIDAR, RADAR):
        seen = seen.reshape(2, -1)[::-1].T + own
    return Scan(row["time"] - begin, row["sensorID"], own, seen if seen.ndim == 2 else seen.ravel())


def _paths(truth: list[list[dict[str, Any]]], begin: float) -> dict[int, Floats]:
    found: dict[int, list[tuple[float, float, float]]] = {}
    for positions in truth:
        for one in positions:
            north, east = one["position"][:2]
            found.setdefault(one["targetID"], []).append((one["time"] - begin, east, north))
    return {key: np.unique(np.array(rows), axis=0) for key, rows in found.items()}


def _state(path: Floats, time: float) -> list[float]:
    place = [float(np.interp(time, path[:, 0], path[:, k])) for k in (1, 2)]
    ahead = [float(np.interp(time + 0.5, path[:, 0], path[:, k])) for k in (1, 2)]
    behind = [float(np.interp(time - 0.5, path[:, 0], path[:, k])) for k in (1, 2)]
    return [*place, ahead[0] - behind[0], ahead[1] - behind[1]]


def polar_noise(places: Floats, own: Floats, sensor: Sensor) -> Floats:
    """Covariance (n, 3) of places that a sensor at ``own`` measured by range and azimuth."""
    off = places - own
    distance = np.maximum(np.hypot(off[:, 0], off[:, 1]), 1.0)
    along, across = sensor.range_sigma_m**2, (sensor.azimuth_sigma * distance) ** 2
    east, north = off[:, 0] / distance, off[:, 1] / distance
    return np.stack(
        [along * east**2 + across * north**2, (along - across) * east * north, along * north**2 + across * east**2], 1
    )
