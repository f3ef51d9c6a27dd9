"""What `summit track` assumes of a recording: the preset that was asked for, or the one that suits what it sees.

The survey looks at the detections themselves. The default is for scenes in which targets are near each other, false
detections are many or nothing is known; the others are for sparse traffic of which each target reports itself.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from summit_fusion.jipda import TrackerSettings
from summit_fusion.jipda.surveillance import harbour, reporting
from summit_fusion.jipda.survey import Traffic, crowd, traffic

from summit_cli.detections import Detection, Scenario

CROWDED: Final = 0.05
"""Detections a second within 1 km: one target in 10 s about each has a third of that, a scene for radars 100 times."""
MANY_FALSE: Final = 0.1
AIRCRAFT_MPS, VESSEL_MPS = 25.0, 12.0
"""Faster than the one, half of what is seen flies; slower than the other, it floats."""
LEAST: Final = 20
"""Fewer detections tell nothing."""
USUAL_S: Final = 10.0
SAMPLE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Assumptions:
    """``every_s``: of each sensor, the time between two reports of a target; None where sensors scan."""

    name: str
    settings: TrackerSettings
    every_s: Mapping[str, float] | None = None


def assume(preset: str, found: list[Detection], scenario: Scenario) -> Assumptions:
    if preset == "auto" and (len(found) < LEAST or _crowded(found)):
        preset = "default"
    if preset in ("default", "harbour"):
        return Assumptions(preset, TrackerSettings() if preset == "default" else harbour())
    seen = _traffic(found)
    name = _suitable(seen, found) if preset == "auto" else preset
    if name == "default":
        return Assumptions(name, TrackerSettings())
    periods = {sensor.name: sensor.period for sensor in scenario.sensors if sensor.period}
    every = {key: one.every_s if math.isfinite(one.every_s) else periods.get(key, USUAL_S) for key, one in seen.items()}
    return Assumptions(name, reporting(name, max(every.values(), default=USUAL_S)), every)


def _crowded(found: list[Detection]) -> bool:
    sample = found[:: 1 + len(found) // SAMPLE]
    rows = np.array([(one.t, one.x, one.y) for one in sample])
    rows = rows[np.isfinite(rows).all(1)]
    return crowd(rows[:, 0], rows[:, 1:], len(found)) > CROWDED


def _traffic(found: list[Detection]) -> dict[str, Traffic]:
    columns: dict[str, list[tuple[float, float, float, float]]] = {}
    for one in found:
        columns.setdefault(one.sensor, []).append((one.t, one.x, one.y, max(one.cov[0], one.cov[2])))
    seen = {}
    for name, members in sorted(columns.items()):
        rows = np.array(members)
        rows = rows[np.isfinite(rows).all(1) & (rows[:, 3] > 0.0)]
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        seen[name] = traffic(rows[:, 0], rows[:, 1:3], np.sqrt(rows[:, 3]))
    return seen


def _suitable(seen: Mapping[str, Traffic], found: list[Detection]) -> str:
    """By the sensor that reports most, where none has many false detections."""
    if any(one.isolated > MANY_FALSE for one in seen.values()):
        return "default"
    names = [one.sensor for one in found]
    speed = seen[max(seen, key=names.count)].speed_mps
    if not math.isfinite(speed):
        return "default"
    if speed >= AIRCRAFT_MPS:
        return "aircraft"
    return "vessel" if speed <= VESSEL_MPS else "vehicle"
