"""Where a track is and how it moves, at one time, as it is published."""

import math
from datetime import datetime

import msgspec
import numpy as np
from summit_core.geo import LocalFrame
from summit_core.model import Entity

from summit_fusion.jipda.classes import CLASSES
from summit_fusion.scans import Report
from summit_fusion.shards.scan import GeoEstimate

UNKNOWN_SPEED_MPS = 40.0
REPORTED_SPEED_MPS = 3.0
"""Standard deviation of a component of a velocity, unknown and as a sensor reports it."""
FRESH_S = 1.0
"""A reported velocity counts for so long."""
STATED = 0.9
"""Existence of what has said once that it is there."""
MOST_SPEED_MPS = 5000.0
WORTH_TELLING = 0.01
WORTH_NAMING = 0.3
"""A class must be so likely, or nothing is known."""


class State(msgspec.Struct):
    """``at``: unix seconds. ``cov``: 4 x 4 row by row, of east, north, velocity east, velocity north, SI. ``tracked``:
    an estimate, not only what a report said."""

    at: float
    lat: float
    lon: float
    velocity: tuple[float, float]
    cov: tuple[float, ...]
    existence: float
    alt_m: float | None = None
    climb_mps: float | None = None
    classes: dict[str, float] = {}
    tracked: bool = False
    disputed: bool = False
    """Another track, too far away to be the same thing, has one of its identities."""

    @property
    def variance_m2(self) -> float:
        """Of the position, in the worst of its axes at most."""
        return self.cov[0] + self.cov[5]

    def distance(self, report: Report) -> float:
        """Of a report from where this must be by then, squared, over the variance of both in their worst axis."""
        dt = report.at - self.at
        east, north = LocalFrame(self.lat, self.lon).to_enu(report.lat, report.lon)
        east, north = east - dt * self.velocity[0], north - dt * self.velocity[1]
        spread = dt * dt * max(self.cov[10], self.cov[15]) + abs(dt) ** 3
        variance = spread + max(report.noise[0] + self.cov[0], report.noise[2] + self.cov[5])
        return (east * east + north * north) / variance


def stated(report: Report) -> State:
    """What one report says."""
    sigma = UNKNOWN_SPEED_MPS if report.velocity is None else REPORTED_SPEED_MPS
    xx, xy, yy = report.noise
    cov = np.diag([xx, yy, sigma**2, sigma**2])
    cov[0, 1] = cov[1, 0] = xy
    return State(
        at=report.at,
        lat=report.lat,
        lon=report.lon,
        velocity=report.velocity or (0.0, 0.0),
        cov=tuple(cov.ravel().tolist()),
        existence=STATED,
        alt_m=report.alt_m,
    )


def estimated(estimate: GeoEstimate, row: int, report: Report) -> State:
    """What the tracker believes. ``report``: its last one, whose velocity the tracker does not use."""
    mean = np.array([0.0, 0.0, *estimate.velocity[row]])
    cov = estimate.cov[row]
    lat, lon = float(estimate.lat[row]), float(estimate.lon[row])
    if report.velocity is not None and estimate.time - report.at <= FRESH_S:
        gain = cov[:, 2:] @ np.linalg.inv(cov[2:, 2:] + REPORTED_SPEED_MPS**2 * np.eye(2))
        mean = mean + gain @ (np.array(report.velocity) - mean[2:])
        cov = cov - gain @ cov[2:, :]
        cov = (cov + cov.T) / 2.0
        lat, lon = LocalFrame(lat, lon).to_geodetic(float(mean[0]), float(mean[1]))
    height = estimate.more["height"][row] if "height" in estimate.more else (math.nan, math.nan)
    classes = estimate.more["class_p"][row].tolist() if "class_p" in estimate.more else []
    if max(classes, default=0.0) < WORTH_NAMING:
        classes = []
    return State(
        at=estimate.time,
        lat=lat,
        lon=lon,
        velocity=(float(mean[2]), float(mean[3])),
        cov=tuple(cov.ravel().tolist()),
        existence=min(1.0, float(estimate.existence[row])),
        alt_m=_number(height[0]),
        climb_mps=_number(height[1]),
        classes={name: round(p, 3) for name, p in zip(CLASSES, classes, strict=False) if p >= WORTH_TELLING},
        tracked=True,
        disputed="conflicting" in estimate.more and bool(estimate.more["conflicting"][row]),
    )


def published(entity: Entity) -> State | None:
    """What an entity of ours said; None when it says nothing of its place or motion."""
    location, kinematics = entity.location, entity.kinematics
    if location is None or kinematics is None or not kinematics.velocity_enu_mps or not kinematics.state_cov:
        return None
    return State(
        at=_seconds(entity.observed_at),
        lat=location.lat,
        lon=location.lon,
        velocity=kinematics.velocity_enu_mps,
        cov=kinematics.state_cov,
        existence=entity.existence or STATED,
        alt_m=location.alt_m,
        classes=entity.classes,
        disputed=entity.disputed,
    )


def _seconds(at: datetime) -> float:
    return at.timestamp()


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 2)
