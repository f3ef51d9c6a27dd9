"""Detections of `summit track`: JSON lines in, scans out; estimates as JSON lines back."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import IO, Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct
from summit_core import wire
from summit_core.errors import InputError
from summit_fusion.jipda import Detections, Estimate

DETECT: Final = 0.9
MOST_DETECT: Final = 0.999
"""Whatever is stated: nothing is seen without fail."""
FALSE_SHARE: Final = 0.2
"""Of a sensor about which nothing is stated: the part of its detections that is taken to be false."""
_UPPER: Final = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 3), (2, 2), (2, 3), (3, 3), (0, 3), (1, 2))
"""Order of the covariance in the output: xx, xy, yy, xu, yv, uu, uv, vv, xv, yu (u, v: the velocity)."""


class Detection(Struct, frozen=True):
    """Metres east and north of the origin of the file; ``cov`` is xx, xy, yy in square metres; times in seconds."""

    id: int
    t: float
    x: float
    y: float
    cov: tuple[float, float, float]
    sensor: Annotated[str, Meta(max_length=64)] = ""
    t_rx: float | None = None


class Sensor(Struct, frozen=True):
    name: str
    period: float | None = None
    pd: Annotated[float, Meta(gt=0.0, le=1.0)] = DETECT
    clutter_density: Annotated[float, Meta(ge=0.0)] | None = None


class Scenario(Struct, frozen=True):
    """What `--meta` may tell: duration (seconds) and the sensors."""

    dur: float | None = None
    sensors: tuple[Sensor, ...] = ()


_decode = msgspec.json.Decoder(Detection).decode


def read(stream: IO[bytes]) -> Iterator[tuple[int, Detection | InputError]]:
    """Each line that is not blank, with its number from 1, as a detection or as what is wrong with it."""
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            yield number, _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                yield number, wire.decode(line, Detection)
            except InputError as error:
                yield number, error


def scans(found: list[Detection], scenario: Scenario) -> Iterator[tuple[Detections, int]]:
    """In the order of time: detections of one sensor at one time, and how many of them were nonsense."""
    scan_of = _scans_of(found, scenario)
    found.sort(key=lambda one: (one.t, one.sensor, one.id))
    for (time, name), group in groupby(found, key=lambda one: (one.t, one.sensor)):
        yield scan_of(time, name, list(group))


def arrivals(found: list[Detection], scenario: Scenario) -> Iterator[tuple[float, Detections, int]]:
    """In the order of arrival: when, the detections of one scan that came between two scans, and how many of them were
    nonsense. A detection without ``t_rx`` came at once."""
    scan_of = _scans_of(found, scenario)
    found.sort(key=lambda one: (came(one), one.t, one.sensor, one.id))
    for (at, time, name), group in groupby(found, key=lambda one: (came(one), one.t, one.sensor)):
        members = list(group)
        key = np.array([one.id for one in members], np.int64)
        yield at, *scan_of(time, name, members, sensor=name, key=key)


def _scans_of(found: list[Detection], scenario: Scenario) -> Callable[..., tuple[Detections, int]]:
    """What makes a scan of some detections of one sensor and time, with what is stated or guessed of that sensor."""
    known = {sensor.name: sensor for sensor in scenario.sensors}
    densities = _densities(found)

    def scan_of(time: float, name: str, members: list[Detection], **more: Any) -> tuple[Detections, int]:
        sensor = known.get(name, Sensor(name))
        clutter = densities[name] if sensor.clutter_density is None else sensor.clutter_density
        z, noise = np.array([(one.x, one.y) for one in members]), np.array([one.cov for one in members])
        return Detections.of(time, z, noise, clutter=clutter, detect=min(sensor.pd, MOST_DETECT), **more)

    return scan_of


def came(one: Detection) -> float:
    return one.t if one.t_rx is None else one.t_rx


def _densities(found: list[Detection]) -> dict[str, float]:
    """False detections a square metre and scan of each sensor, guessed from what it sent and the area it covered."""
    places = np.array([(one.x, one.y) for one in found]).reshape(-1, 2)
    low, high = np.percentile(places, [1, 99], axis=0) if len(places) else (np.zeros(2), np.ones(2))
    area = float(np.prod(np.maximum(high - low, 100.0)))
    times: dict[str, set[float]] = {}
    count: dict[str, int] = {}
    for one in found:
        times.setdefault(one.sensor, set()).add(one.t)
        count[one.sensor] = count.get(one.sensor, 0) + 1
    return {name: FALSE_SHARE * count[name] / len(times[name]) / area for name in count}


def line_of(estimate: Estimate) -> bytes:
    """One line of the output: ``{"t", "tracks": [[id, x, y, vx, vy, [covariance]], …]}``."""
    rows: list[Any] = [
        [int(identifier), *np.round(mean, 3).tolist(), [round(float(cov[a, b]), 3) for a, b in _UPPER]]
        for identifier, mean, cov in zip(estimate.id, estimate.mean, estimate.cov, strict=True)
    ]
    return wire.encode({"t": estimate.time, "tracks": rows}) + b"\n"
