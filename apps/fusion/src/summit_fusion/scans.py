"""Scans from observations: reports of one sensor within a short window, each with its own time, as columns.

A scan holds at most one detection of each target, so what may be a second report of the same one within the window (of
the same identity, or near at another time) makes a scan of its own beside it.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain, groupby
from typing import Final

import msgspec
import numpy as np
from summit_core.geo import LocalFrame
from summit_core.model import AnyObservation, Detection, Position

from summit_fusion.clocks import Clock, Clocks
from summit_fusion.jipda.classes import CLASSES
from summit_fusion.jipda.identity import hashed
from summit_fusion.metrics import REFUSED
from summit_fusion.sensors import Coverage, Floats, Model, distances_m, sensor_of
from summit_fusion.shards.scan import GeoScan

MOST_LAYERS: Final = 5
"""Reports of one identity in a window that are used: 20 a second."""
REMEMBERED_S: Final = 10.0
"""How long a window that is over may still be added to."""
MOST_WINDOWS, MOST_IDENTITIES = 200, 20_000
"""From these on it is seen what of it is still needed."""
AGED_FROM_S: Final = 2.0
"""Behind the newest scan. Reports that are older than this, and still the newest of their identity, count as what they
say of now: carried on by their velocity, with what that leaves unknown."""
AGED_MOST_S: Final = 120.0
LEAP_S: Final = 900.0
DRIFT_MPS: Final = 10.0
REPORTED_DRIFT_MPS: Final = 3.0
FASTEST_MPS: Final = 100.0
"""Two reports without identity that are nearer than this allows may be of the same target."""
MIN_VARIANCE_M2, MAX_VARIANCE_M2 = 0.01, 1e11
STATED_CLASS: Final = 0.9
"""Probability of the class that a report of a position states."""
ALT_SIGMA_M: Final[Mapping[str, float]] = {"ellipsoid": 15.0, "msl": 60.0}
"""Geoid and pressure are in the second; heights above ground tell nothing here."""
KNOWN_CLASSES: Final[Mapping[str, str]] = {
    "person": "pedestrian", "crew": "pedestrian", "pedestrian": "pedestrian", "firefighter": "pedestrian",
    "vehicle": "vehicle", "engine": "vehicle", "car": "vehicle", "truck": "vehicle", "robot": "vehicle",
    "vessel": "vessel", "boat": "vessel", "ship": "vessel",
    "drone": "uas", "uas": "uas", "uav": "uas",
    "aircraft": "aircraft", "helicopter": "aircraft", "plane": "aircraft",
}  # fmt: skip
SCHEME_CLASSES: Final = {"icao": "aircraft", "mmsi": "vessel"}
PHENOMENA: Final = frozenset({"fire", "smoke", "flame", "wildfire", "hotspot", "flood", "leak", "gas"})
"""What a detection of is no target that moves: it belongs to hazards and incidents."""


class Report(msgspec.Struct):
    """One observation as the tracker takes it, and what it says beside its place. Times are unix seconds: ``at`` by the
    source's clock as far as that is believed, ``observed`` as it was stated, ``heard`` by ours."""

    key: int
    at: float
    lat: float
    lon: float
    noise: tuple[float, float, float]
    observation: str
    source: str
    observed: float
    heard: float
    identity: str = ""
    counts_as: str = ""
    """The identity as far as the tracker is concerned."""
    class_: str = ""
    confidence: float = STATED_CLASS
    label: str = ""
    alt_m: float | None = None
    alt_sigma_m: float = math.nan
    velocity: tuple[float, float] | None = None


class Window(msgspec.Struct):
    """What a window has taken in, so that more of it can come with a later message. ``anonymous``: time, latitude,
    longitude, standard deviation and layer of each report without identity."""

    named: dict[str, int] = {}
    anonymous: list[tuple[float, float, float, float, int]] = []


class ScansState(msgspec.Struct):
    """Everything, for a checkpoint."""

    clocks: dict[str, Clock]
    coverage: dict[str, Coverage]
    windows: list[tuple[str, int, Window]]
    newest: dict[str, float]
    time: float | None
    ahead: float | None


class Scans:
    """Of one picture: the live one, or a recording."""

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.clocks = Clocks()
        self.coverage: dict[str, Coverage] = {}
        self.windows: dict[tuple[str, int], Window] = {}
        self.newest: dict[str, float] = {}
        """Time of the newest report of each identity."""
        self.time = -math.inf
        """Of the newest scan."""
        self.ahead: float | None = None
        """Time of the last report, where that was far ahead of all others."""

    @property
    def begun(self) -> bool:
        """Whether there was any scan."""
        return math.isfinite(self.time)

    def state(self) -> ScansState:
        windows = [(name, end, window) for (name, end), window in self.windows.items()]
        time = self.time if self.begun else None
        return ScansState(self.clocks.known, self.coverage, windows, self.newest, time, self.ahead)

    def restore(self, state: ScansState) -> None:
        self.clocks.known, self.coverage, self.newest = state.clocks, state.coverage, state.newest
        self.windows = {(name, end): window for name, end, window in state.windows}
        self.time, self.ahead = -math.inf if state.time is None else state.time, state.ahead

    def form(
        self, observations: Iterable[Position | Detection], shown: tuple[Floats, Floats], nameless: Set[str]
    ) -> Iterator[tuple[GeoScan, list[Report]]]:
        """Scans in the order of their time, with the report of each of their rows. ``shown``: latitudes and longitudes
        of the tracks in the picture. ``nameless``: identities that tell nothing."""
        groups: dict[tuple[int, str], tuple[Model, list[Report]]] = {}
        for observation in observations:
            report = self._report(observation)
            if report is not None:
                report.counts_as = "" if report.identity in nameless else report.identity
                name, model = sensor_of(observation)
                step = round(1000 * model.window_s)
                end = -(-math.floor(1000 * report.at) // step) * step
                groups.setdefault((end, name), (model, []))[1].append(report)
        for (end, name), (model, reports) in sorted(groups.items(), key=lambda item: item[0]):
            layers = self._layers(name, end, reports)
            for layer, members in sorted(layers.items()):
                yield self._scan(end / 1000, f"{name}~{layer}" if layer else name, name, model, members, shown)
        self._forget()

    def _report(self, observation: Position | Detection) -> Report | None:
        report = _read(observation)
        if report is None:
            return None
        if self.live:
            report.at = self.clocks.time(report.source, report.observed, report.heard)
        elif self._leaps(report.at):
            REFUSED.labels(reason="leap").inc()
            return None
        if report.identity:
            newest = self.newest.get(report.identity, -math.inf)
            self.newest[report.identity] = max(newest, report.at)
            age = self.time - report.at
            if self.live and newest < report.at and AGED_FROM_S < age <= AGED_MOST_S:
                _carry_on(report, self.time - AGED_FROM_S)
        return report

    def _leaps(self, at: float) -> bool:
        """Whether a recording would go far ahead for this report alone: two in a row are a gap in it."""
        before, self.ahead = self.ahead, at if self.begun and at > self.time + LEAP_S else None
        return self.ahead is not None and (before is None or abs(at - before) > LEAP_S)

    def _layers(self, name: str, end: int, reports: list[Report]) -> dict[int, list[Report]]:
        window = self.windows.get((name, end))
        if window is None:
            window = self.windows[name, end] = Window(named={}, anonymous=[])
        ordered = sorted(reports, key=lambda one: (one.at, one.key))
        named = ((_layer_of_named(window, one), one) for one in ordered if one.counts_as)
        layers: dict[int, list[Report]] = {}
        for layer, report in chain(named, _layers_of_anonymous(window, [one for one in ordered if not one.counts_as])):
            if layer is None:
                REFUSED.labels(reason="identical").inc()
            elif layer >= MOST_LAYERS:
                REFUSED.labels(reason="too_many").inc()
            else:
                layers.setdefault(layer, []).append(report)
        return layers

    def _scan(
        self, time: float, sensor: str, source: str, model: Model, reports: list[Report], shown: tuple[Floats, Floats]
    ) -> tuple[GeoScan, list[Report]]:
        self.time = max(self.time, time)
        lat, lon = np.array([one.lat for one in reports]), np.array([one.lon for one in reports])
        detect, clutter, view = model.detect, model.clutter, None
        if detect is None or clutter is None:
            known = self.coverage.get(source)
            if known is None:
                known = self.coverage[source] = Coverage(lat=reports[0].lat, lon=reports[0].lon)
            detect, clutter = known.detect, known.clutter
            known.learn(lat, lon, shown)
            view = known.view
        scan, refused = GeoScan.of(
            time,
            sensor,
            lat,
            lon,
            np.array([one.noise for one in reports]),
            np.array([one.key for one in reports], np.int64),
            clutter=clutter,
            at=np.minimum([one.at for one in reports], time),
            detect=detect,
            view=view,
            **_evidence(reports),
        )
        if refused:
            REFUSED.labels(reason="nonsense").inc(refused)
        return scan, reports

    def _forget(self) -> None:
        """What can matter no more."""
        oldest = 1000 * (self.time - REMEMBERED_S)
        if len(self.windows) > MOST_WINDOWS:
            self.windows = {key: window for key, window in self.windows.items() if key[1] >= oldest}
        if len(self.newest) > MOST_IDENTITIES:
            self.newest = {name: at for name, at in self.newest.items() if at >= self.time - AGED_MOST_S}


def key_of(observation: AnyObservation) -> int:
    """63 bits of what makes an observation the same one: its id and its time."""
    text = f"{observation.id}/{observation.observed_at.timestamp():.6f}/{observation.source}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def is_target(observation: Detection) -> bool:
    """Whether it is of something that moves, at a place that is known."""
    return observation.lat is not None and observation.lon is not None and observation.class_ not in PHENOMENA


def _read(observation: Position | Detection) -> Report | None:
    lat, lon = observation.lat, observation.lon
    if lat is None or lon is None:
        return None
    observed = observation.observed_at.timestamp()
    heard = observation.received_at.timestamp() if observation.received_at else observed
    _, model = sensor_of(observation)
    report = Report(
        key=key_of(observation),
        at=observed,
        lat=lat,
        lon=lon,
        noise=_noise(observation, model.sigma_m),
        observation=observation.id or "",
        source=observation.source,
        observed=observed,
        heard=heard,
        class_=observation.class_ or "",
        label=observation.label or "",
    )
    if isinstance(observation, Detection):
        report.confidence = observation.confidence
        return report
    report.identity = observation.identity or ""
    if observation.alt_m is not None:
        report.alt_m, report.alt_sigma_m = observation.alt_m, ALT_SIGMA_M.get(observation.alt_ref, math.nan)
    if observation.speed_mps is not None and observation.course_deg is not None:
        course = math.radians(observation.course_deg)
        report.velocity = observation.speed_mps * math.sin(course), observation.speed_mps * math.cos(course)
    return report


def _noise(observation: Position | Detection, default_m: float) -> tuple[float, float, float]:
    """``cov_m2`` where it is a covariance, else ``sigma_m``, else the default; never so small or large that it says
    nothing."""
    if isinstance(observation, Position) and observation.cov_m2 is not None:
        (ee, en), (ne, nn) = observation.cov_m2
        regular = all(MIN_VARIANCE_M2 <= value <= MAX_VARIANCE_M2 for value in (ee, nn))
        if regular and abs(en - ne) <= 1e-6 * (ee + nn) and ee * nn - en * en > 1e-9 * ee * nn:
            return ee, en, nn
    variance = min(max((observation.sigma_m or default_m) ** 2, MIN_VARIANCE_M2), MAX_VARIANCE_M2)
    return variance, 0.0, variance


def _carry_on(report: Report, to: float) -> None:
    """What an old report says of a later time."""
    age = to - report.at
    drift = DRIFT_MPS
    if report.velocity is not None:
        east, north = report.velocity
        report.lat, report.lon = LocalFrame(report.lat, report.lon).to_geodetic(east * age, north * age)
        drift = REPORTED_DRIFT_MPS
    (xx, xy, yy), grown = report.noise, (drift * age) ** 2
    report.noise, report.at = (xx + grown, xy, yy + grown), to


def _layer_of_named(window: Window, report: Report) -> int:
    layer = window.named.get(report.counts_as, 0)
    window.named[report.counts_as] = layer + 1
    return layer


def _layers_of_anonymous(window: Window, reports: list[Report]) -> Iterator[tuple[int | None, Report]]:
    """Those of one time are different targets, or the same statement twice (None). One that may be of the target of an
    earlier report goes into the scan after that one."""
    for at, group in groupby(reports, key=lambda one: one.at):
        before = np.array([row for row in window.anonymous if row[0] != at]).reshape(-1, 5)
        said = {row[1:3] for row in window.anonymous if row[0] == at}
        for report in group:
            if (report.lat, report.lon) in said:
                yield None, report
                continue
            said.add((report.lat, report.lon))
            sigma, layer = math.sqrt(max(report.noise[0], report.noise[2])), 0
            if len(before):
                times, lat, lon, sigmas, layers = before.T
                reach = FASTEST_MPS * np.abs(times - at) + 4.0 * (sigma + sigmas)
                near = distances_m(report.lat, report.lon, lat, lon) < reach
                layer = int(layers[near].max(initial=-1.0)) + 1
            window.anonymous.append((at, report.lat, report.lon, sigma, layer))
            yield layer, report


def _evidence(reports: list[Report]) -> dict[str, Floats | np.ndarray[tuple[int], np.dtype[np.int64]] | None]:
    """Columns of what is said beside the place; those that nobody says anything of are left out."""
    alt = np.array([math.nan if one.alt_m is None else one.alt_m for one in reports])
    identity = np.array([hashed(one.counts_as) if one.counts_as else 0 for one in reports], np.int64)
    classes = np.array([class_p(one) for one in reports])
    known = ~np.isnan(alt) & ~np.isnan([one.alt_sigma_m for one in reports])
    return {
        "alt": np.where(known, alt, np.nan) if known.any() else None,
        "alt_sigma": np.where(known, [one.alt_sigma_m for one in reports], np.nan) if known.any() else None,
        "identity": identity if identity.any() else None,
        "class_p": classes if classes.any() else None,
    }


def class_p(report: Report) -> Floats:
    """Probability of each of ``CLASSES`` as the report states it; zeros where it says nothing of them."""
    row = np.zeros(len(CLASSES))
    stated = KNOWN_CLASSES.get(report.class_) or SCHEME_CLASSES.get(report.identity.partition(":")[0])
    if stated is not None:
        sure = min(max(report.confidence, 1.0 / len(CLASSES)), 0.98)
        row[:] = (1.0 - sure) / (len(CLASSES) - 1)
        row[CLASSES.index(stated)] = sure
    return row
