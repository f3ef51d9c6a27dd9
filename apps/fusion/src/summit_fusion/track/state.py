"""A track: what is estimated about one moving thing, as an immutable value that can be published and restored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from summit_core.geo import LocalFrame

from summit_fusion.track.filter import Array, predict
from summit_fusion.track.motion import motion_of

Phase = Literal["tentative", "confirmed"]
Freshness = Literal["live", "stale", "lost"]
Change = Literal["initiated", "confirmed", "updated", "stale", "lost", "deleted"]
Covariance = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """State at ``at`` (source clock of the last observation used).

    ``lat, lon`` in degrees; ``velocity_enu_mps`` east, north; ``cov`` the 4 x 4 covariance of (east, north, v-east,
    v-north) row by row, in the local east-north frame at the track itself. Because the frame moves with the track and
    its axes follow the parallels and meridians, nothing has to be re-centred or rotated. ``heard_at`` is our clock.
    """

    id: str
    at: datetime
    heard_at: datetime
    lat: float
    lon: float
    velocity_enu_mps: tuple[float, float]
    cov: Covariance
    existence: float
    phase: Phase
    freshness: Freshness = "live"
    sources: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    class_: str | None = None
    label: str = ""
    alt_m: float | None = None
    recording: str | None = None
    observations: tuple[str, ...] = ()
    """Ids of the last observations used, oldest first (bounded): the causes."""
    updates: int = 0
    interval_s: float = 0.0
    """Smoothed time between updates; what "late" means for this track."""
    last_source: str = ""

    @property
    def speed_mps(self) -> float:
        return float(np.hypot(*self.velocity_enu_mps))

    @property
    def cov_m2(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Position part of the covariance, square metres."""
        return (self.cov[0], self.cov[1]), (self.cov[4], self.cov[5])

    @property
    def q(self) -> float:
        """Process noise, m2/s3."""
        return motion_of(self.class_, self.identities, self.speed_mps).q

    def predicted(self, at: datetime) -> tuple[LocalFrame, Array, Array]:
        """Frame at the track, state vector and covariance at ``at``; into the past the covariance grows likewise."""
        frame = LocalFrame(self.lat, self.lon)
        state = np.array([0.0, 0.0, *self.velocity_enu_mps])
        cov = np.array(self.cov).reshape(4, 4)
        dt = (at - self.at).total_seconds()
        return (frame, state, cov) if dt == 0.0 else (frame, *predict(state, cov, dt, self.q))


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """A track as it is now and what changed. ``distance`` is the squared Mahalanobis distance of the observation."""

    track: Track
    change: Change
    distance: float | None = None


def major_sigma_m(cov: Array) -> float:
    """Major semi-axis (one standard deviation) of the position part of a covariance, metres."""
    half_trace, half_difference = (cov[0, 0] + cov[1, 1]) / 2.0, (cov[0, 0] - cov[1, 1]) / 2.0
    return float(np.sqrt(half_trace + np.hypot(half_difference, cov[0, 1])))
