"""Hazards from bearings: keeps what each camera sees, locates it jointly, and says how sure that is.

One *view* is a set of cameras that could see the same thing. Several simultaneous smokes in one view show as an
ambiguous fix; telling them apart is the work of the association engine that will stand behind the same interface.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace
from summit_core.geo import distance_m, wrap_angle
from summit_core.ids import derived_id
from summit_core.model import Bearing, BearingEvidence, Entity, Hypothesis, Location

from summit_fusion.locate import Fix, SightLine, locate

OWNER = "fusion"
CAMERA_REACH_M = 60_000.0
MOUNT_BIAS_DEG = 0.5
"""Azimuth error of a mount, one sigma: repeated frames of one camera do not average it away. An assumption for cameras
that were aligned by eye; it will be estimated for each camera from confirmed fires."""
KEPT_PER_CAMERA = 12
MAX_CAUSES = 48


@dataclass
class _Camera:
    """The recent bearings of one camera, oldest first."""

    bearings: deque[BearingEvidence] = field(default_factory=lambda: deque(maxlen=KEPT_PER_CAMERA))

    def line(self) -> SightLine:
        """One sight line for all: the mean direction; the noise averages down, the bias of the mount does not."""
        latest = self.bearings[-1]
        offsets = [wrap_angle(b.azimuth_deg - latest.azimuth_deg) for b in self.bearings]
        variance = 1.0 / sum(1.0 / b.sigma_deg**2 for b in self.bearings)
        mean = variance * sum(o / b.sigma_deg**2 for o, b in zip(offsets, self.bearings, strict=True))
        sigma = min(latest.sigma_deg, math.hypot(math.sqrt(variance), MOUNT_BIAS_DEG))
        azimuth = (latest.azimuth_deg + mean) % 360.0
        return SightLine(latest.source, latest.lat, latest.lon, azimuth, sigma, key=latest.observation)


@dataclass
class _View:
    """Cameras that look at one area, and the hazard that they made."""

    key: str
    recording: str | None
    label: str
    cameras: dict[str, _Camera] = field(default_factory=dict)
    causes: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_CAUSES))
    heard_at: datetime | None = None
    updates: int = 0
    published: Entity | None = None
    dirty: bool = False

    def covers(self, bearing: Bearing) -> bool:
        return self.recording == bearing.recording and any(
            distance_m(c.bearings[-1].lat, c.bearings[-1].lon, bearing.lat, bearing.lon) < CAMERA_REACH_M
            for c in self.cameras.values()
        )


class Hazards:
    """The hazards of all views. Pure: no clock, no I/O; times come with the bearings."""

    def __init__(self, *, window: timedelta, expires: timedelta) -> None:
        self._window = window
        self._expires = expires
        self._views: list[_View] = []

    def observe(self, bearing: Bearing) -> None:
        """Take in one bearing; a repeated or older one of the same camera changes nothing."""
        view = next((v for v in self._views if v.covers(bearing)), None)
        if view is None:
            key = "haz-" + derived_id(bearing.observed_at, bearing.source, str(bearing.id))[-12:]
            view = _View(key, bearing.recording, bearing.class_ or "smoke")
            self._views.append(view)
        camera = view.cameras.setdefault(bearing.source, _Camera())
        if camera.bearings and camera.bearings[-1].observed_at >= bearing.observed_at:
            return
        camera.bearings.append(_evidence(bearing))
        view.causes.append(str(bearing.id))
        view.heard_at = max(filter(None, (view.heard_at, bearing.received_at)), default=None)
        view.updates += 1
        view.dirty = True

    def changed(self, now: datetime) -> list[Entity]:
        """The hazards that new bearings changed, each as its new version; call ``settle`` once they are published."""
        located = (self._locate(view, now) for view in self._views if view.dirty)
        return [entity for entity in located if entity is not None]

    def settle(self, published: Iterable[Entity]) -> None:
        """These versions are out; a view is located again only after its next bearing."""
        out = {entity.id: entity for entity in published}
        for view in self._views:
            view.dirty = False
            view.published = out.get(view.key, view.published)

    def expire(self, now: datetime) -> list[str]:
        """Forget what nobody has reported for long; returns the ids of the hazards that leave."""
        silent = [v for v in self._views if v.heard_at is not None and now - v.heard_at > self._expires]
        self._views = [v for v in self._views if v not in silent]
        return [v.published.id for v in silent if v.published is not None]

    def restore(self, entities: Iterable[Entity]) -> None:
        """Go on after a restart from the hazards as they were published."""
        for entity in entities:
            view = _View(entity.id, entity.recording, entity.class_ or "smoke", published=entity)
            view.heard_at, view.updates = entity.heard_at, entity.updates
            view.causes.extend(entity.causes)
            for evidence in entity.bearings:
                view.cameras.setdefault(evidence.source, _Camera()).bearings.append(evidence)
            self._views.append(view)

    def _locate(self, view: _View, now: datetime) -> Entity | None:
        latest = max(c.bearings[-1].observed_at for c in view.cameras.values())
        current = {s: c for s, c in view.cameras.items() if latest - c.bearings[-1].observed_at <= self._window}
        lines = [camera.line() for camera in current.values()]
        fix = locate(lines)
        if not fix.hypotheses:
            return None
        best = fix.hypotheses[0]
        evidence = [
            replace(
                camera.bearings[-1],
                azimuth_deg=line.azimuth_deg,
                sigma_deg=line.sigma_deg,
                used=used,
                residual_sigma=residual,
            )
            for camera, line, used, residual in zip(
                current.values(), lines, best.used, best.residuals_sigma, strict=True
            )
        ]
        return _entity(view, evidence, fix, latest, now)


def _evidence(bearing: Bearing) -> BearingEvidence:
    return BearingEvidence(
        observation=str(bearing.id),
        source=bearing.source,
        lat=bearing.lat,
        lon=bearing.lon,
        azimuth_deg=bearing.azimuth_deg,
        sigma_deg=bearing.sigma_deg,
        observed_at=bearing.observed_at,
    )


def _entity(view: _View, evidence: list[BearingEvidence], fix: Fix, latest: datetime, now: datetime) -> Entity:
    best = fix.hypotheses[0]
    return Entity(
        id=view.key,
        kind="hazard",
        owner=OWNER,
        class_=view.label,
        label=f"{view.label} seen by {sum(best.used)} cameras",
        observed_at=latest,
        heard_at=view.heard_at or now,
        updated_at=now,
        location=Location(lat=best.lat, lon=best.lon, cov_m2=best.cov_m2),
        sources=tuple(bearing.source for bearing in evidence),
        bearings=tuple(evidence),
        ambiguous=fix.ambiguous,
        ambiguity=fix.reason if fix.ambiguous else None,
        hypotheses=tuple(Hypothesis(lat=h.lat, lon=h.lon, cov_m2=h.cov_m2, weight=h.weight) for h in fix.hypotheses)
        if fix.ambiguous
        else (),
        updates=view.updates,
        recording=view.recording,
        causes=tuple(view.causes),
    )
