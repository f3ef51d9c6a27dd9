"""Scans out of reports: what targets say of themselves, each at its own time."""

import math
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import groupby

import numpy as np
from summit_fusion.jipda import Detections
from summit_fusion.jipda.surveillance import NEW_TARGETS

from summit_cli.detections import MOST_DETECT, Detection, Scenario, Sensor, came

WIDEST_S = 0.5
"""Pictures fall between two windows of this width, so none knows of what came after it."""
SILENCE_S = 600.0
"""A sensor of which nothing was heard for so long is off: its silence tells nothing any more."""
ABSURD_S = 1e12
MOST_FALSE = 0.05
"""Share of the detections; a recording with more is not one of reports."""


def reports(
    found: list[Detection], scenario: Scenario, every_s: Mapping[str, float]
) -> Iterator[tuple[Detections, int]]:
    """Windows of time in their order, each as a scan at its end, and how many of its detections were nonsense.

    ``every_s``: of each sensor, the usual time between two reports of a target. A window in which nobody reports is
    skipped until all were silent for that long.
    """
    stated = {sensor.name: sensor for sensor in scenario.sensors}
    found.sort(key=lambda one: (one.sensor, one.t, one.id))
    streams = []
    for name, group in groupby(found, key=lambda one: one.sensor):
        members = list(group)
        streams.append(_windows(members, stated.get(name, Sensor(name)), every_s[name]))
    yield from merge(*streams, key=lambda pair: (pair[0].time, pair[0].sensor))


def arriving(
    found: list[Detection], scenario: Scenario, every_s: Mapping[str, float]
) -> Iterator[tuple[float, Detections, int]]:
    """In the order of arrival: when, what came of a window, and how many of its detections were nonsense."""
    stated = {sensor.name: sensor for sensor in scenario.sensors}
    false = {name: _false([one for one in found if one.sensor == name], every) for name, every in every_s.items()}
    newest: dict[str, float] = {}
    found.sort(key=lambda one: (came(one), one.t, one.sensor, one.id))
    for (at, window, name), group in groupby(
        found, key=lambda one: (came(one), _window(one, width_of(every_s[one.sensor])), one.sensor)
    ):
        sensor, every, width = stated.get(name, Sensor(name)), every_s[name], width_of(every_s[name])
        end, before = (window + 1) * width, newest.get(name, -math.inf)
        clutter = _clutter(sensor, false[name])
        for silent in _silence(before, end, every):
            yield silent, *_scan([], silent, sensor, 1.0, clutter)
            before = silent
        part = min(1.0, (end - before if end > before else width) / every)
        yield at, *_scan(list(group), end, sensor, part, clutter)
        newest[name] = max(before, end)
    for name, before in newest.items():
        sensor = stated.get(name, Sensor(name))
        for silent in _silence(before, math.inf, every_s[name]):
            yield silent, *_scan([], silent, sensor, 1.0, _clutter(sensor, false[name]))


def _window(one: Detection, width: float) -> int:
    """Its number; that of an absurd time is one that is refused with its scan."""
    return math.floor(min(max(one.t, -ABSURD_S), ABSURD_S) / width)


def width_of(every_s: float) -> float:
    """Narrow enough that no target reports twice in one; a half of it to the power of some number."""
    return min(WIDEST_S, 2.0 ** math.floor(math.log2(max(every_s, 1e-3) / 2.0)))


def _windows(members: list[Detection], sensor: Sensor, every_s: float) -> Iterator[tuple[Detections, int]]:
    width, clutter = width_of(every_s), _clutter(sensor, _false(members, every_s))
    before = -math.inf
    for window, group in groupby(members, key=lambda one: _window(one, width)):
        end = (window + 1) * width
        for silent in _silence(before, end, every_s):
            yield _scan([], silent, sensor, 1.0, clutter)
            before = silent
        yield _scan(list(group), end, sensor, min(1.0, (end - before) / every_s), clutter)
        before = end
    for silent in _silence(before, math.inf, every_s):
        yield _scan([], silent, sensor, 1.0, clutter)


def _silence(begin: float, end: float, every_s: float) -> list[float]:
    """Times between two windows at which everybody should have been heard."""
    end = min(end, begin + SILENCE_S)
    return np.arange(begin + 1.5 * every_s, end, every_s).tolist() if math.isfinite(begin) else []


def _scan(members: list[Detection], time: float, sensor: Sensor, part: float, clutter: float) -> tuple[Detections, int]:
    """``part`` of those that are there report in it."""
    z = np.array([(one.x, one.y) for one in members]).reshape(-1, 2)
    noise = np.array([one.cov for one in members]).reshape(-1, 3)
    return Detections.of(
        time, z, noise, clutter=part * clutter, detect=part * min(sensor.pd, MOST_DETECT), sensor=sensor.name,
        at=np.array([one.t for one in members]), key=np.array([one.id for one in members], np.int64),
    )  # fmt: skip


def _false(members: list[Detection], every_s: float) -> float:
    """The most false detections a square metre, while all report once, that such a recording can have."""
    places = np.array([(one.x, one.y) for one in members])
    area = float(np.prod(np.maximum(np.ptp(places, axis=0), 1000.0)))
    seconds = 10.0 * len({one.t // 10.0 for one in members})
    return MOST_FALSE * len(members) * every_s / seconds / area


def _clutter(sensor: Sensor, most: float) -> float:
    return NEW_TARGETS + min(sensor.clutter_density or 0.0, most)
