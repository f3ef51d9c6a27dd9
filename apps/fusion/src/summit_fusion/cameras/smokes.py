"""What one camera sees: smokes, each a direction in which it has seen something in one frame or in many."""

import math
from datetime import datetime, timedelta

import msgspec
from summit_core.geo import distance_m, wrap_angle
from summit_core.model import Bearing

from summit_fusion.cameras.persistence import Persistence, PersistenceSettings
from summit_fusion.locate import SightLine

KEPT = 12
"""Frames that a direction is averaged over …"""
AVERAGED = timedelta(minutes=10)
"""… and how old they may be: smoke drifts."""
SAME_PLACE_M = 30.0
"""A camera that has moved further (on a vehicle) sees the same smoke in another direction."""
GATE_SIGMA = 3.0
DRIFT_DEG = 0.5
"""Between two frames smoke moves by so much at most."""
LEAST_APART_DEG = 0.2
"""Two smokes of one frame are no closer than this, nor than the noise of an azimuth."""
MOST_SMOKES = 16
HALF_VIEW_DEG = 30.0
"""What lies so near to a reported direction was in the picture as well."""


class Sighting(msgspec.Struct, frozen=True):
    """One bearing as it was measured."""

    observation: str
    at: datetime
    lat: float
    lon: float
    azimuth_deg: float
    sigma_deg: float
    alt_m: float | None = None
    elevation_deg: float | None = None
    elevation_sigma_deg: float | None = None


class Smoke(msgspec.Struct):
    """What one camera sees in one direction, oldest sighting first."""

    id: str
    source: str
    label: str
    seen: list[Sighting]
    persistence: Persistence
    heard_at: datetime | None = None
    """By our clock."""

    @property
    def latest(self) -> Sighting:
        return self.seen[-1]

    def mean(self, *, after: datetime | None = None) -> SightLine:
        """The mean direction as measured, with its noise (which averages down; the error of the mount does not).

        Of sightings not older than ``AVERAGED``, and later than ``after``.
        """
        latest = self.latest
        own = [s for s in self.seen if latest.at - s.at <= AVERAGED and (after is None or s.at > after)] or [latest]
        variance = 1.0 / sum(1.0 / s.sigma_deg**2 for s in own)
        offset = variance * sum(wrap_angle(s.azimuth_deg - latest.azimuth_deg) / s.sigma_deg**2 for s in own)
        azimuth = (latest.azimuth_deg + offset) % 360.0
        return SightLine(self.source, latest.lat, latest.lon, azimuth, math.sqrt(variance), key=self.id)

    def miss_sigma(self, bearing: Bearing) -> float:
        """How far a bearing is from this direction, against what noise and drift allow."""
        mean = self.mean()
        off = max(0.0, abs(wrap_angle(bearing.azimuth_deg - mean.azimuth_deg)) - DRIFT_DEG)
        return off / math.hypot(bearing.sigma_deg, mean.sigma_deg)


class Camera(msgspec.Struct):
    """The smokes of one camera and its last frame."""

    source: str
    smokes: list[Smoke] = []
    frame_at: datetime | None = None
    frame: list[float] = []
    """Azimuths reported in the last frame."""

    def observe(self, bearing: Bearing, settings: PersistenceSettings) -> Smoke | None:
        """The smoke that the bearing belongs to, possibly a new one; None where it tells nothing new.

        A bearing older than the last frame comes too late. Bearings of one moment are one frame, and of different
        smokes.
        """
        at = bearing.observed_at
        if self.frame_at is not None and at < self.frame_at:
            return None
        if self.frame_at is None or at > self.frame_at:
            self._next_frame(at, settings)
        self._forget_elsewhere(bearing)
        free = [smoke for smoke in self.smokes if smoke.latest.at < at and smoke.persistence.state != "ended"]
        smoke = min(free, key=lambda one: one.miss_sigma(bearing), default=None)
        if smoke is None or smoke.miss_sigma(bearing) > GATE_SIGMA:
            if self._same_again(bearing):
                return None
            key, label = f"{bearing.source}/{bearing.id}", bearing.class_ or "smoke"
            smoke = Smoke(key, bearing.source, label, [], Persistence())
            self.smokes = [*self.smokes, smoke][-MOST_SMOKES:]
        self.frame.append(bearing.azimuth_deg)
        smoke.seen = [*smoke.seen, _sighting(bearing)][-KEPT:]
        smoke.heard_at = max(filter(None, (smoke.heard_at, bearing.received_at)), default=None)
        smoke.persistence.hit(at, bearing.confidence, settings)
        return smoke

    def pass_to(self, now: datetime, settings: PersistenceSettings) -> list[Smoke]:
        """Time goes by; returns the smokes that changed their state, the ended ones leave."""
        changed = []
        for smoke in self.smokes:
            before = smoke.persistence.state
            smoke.persistence.pass_to(now, settings)
            if smoke.persistence.state != before:
                changed.append(smoke)
        self.smokes = [smoke for smoke in self.smokes if smoke.persistence.state != "ended"]
        return changed

    def _next_frame(self, at: datetime, settings: PersistenceSettings) -> None:
        """The frame before is complete: what it showed the place of, but not the smoke, was not there."""
        if self.frame_at is not None:
            for smoke in self.smokes:
                if smoke.latest.at < self.frame_at and self._showed(smoke):
                    smoke.persistence.miss(self.frame_at, settings)
        self.frame_at, self.frame = at, []

    def _forget_elsewhere(self, bearing: Bearing) -> None:
        """A camera that has moved sees everything in other directions: what it saw from elsewhere is not continued."""
        if any(_moved(smoke.latest, bearing) for smoke in self.smokes):
            self.smokes = [smoke for smoke in self.smokes if not _moved(smoke.latest, bearing)]

    def _same_again(self, bearing: Bearing) -> bool:
        """Whether the frame has told of this already: the bearing is repeated, or it is the same smoke in two boxes."""
        apart = max(LEAST_APART_DEG, bearing.sigma_deg)
        return any(abs(wrap_angle(azimuth - bearing.azimuth_deg)) < apart for azimuth in self.frame)

    def _showed(self, smoke: Smoke) -> bool:
        return any(abs(wrap_angle(azimuth - smoke.latest.azimuth_deg)) < HALF_VIEW_DEG for azimuth in self.frame)


def _moved(before: Sighting, now: Sighting | Bearing) -> bool:
    if (before.lat, before.lon) == (now.lat, now.lon):
        return False
    return distance_m(before.lat, before.lon, now.lat, now.lon) > SAME_PLACE_M


def _sighting(bearing: Bearing) -> Sighting:
    return Sighting(
        observation=str(bearing.id),
        at=bearing.observed_at,
        lat=bearing.lat,
        lon=bearing.lon,
        azimuth_deg=bearing.azimuth_deg,
        sigma_deg=bearing.sigma_deg,
        alt_m=bearing.alt_m,
        elevation_deg=bearing.elevation_deg,
        elevation_sigma_deg=bearing.elevation_sigma_deg,
    )
