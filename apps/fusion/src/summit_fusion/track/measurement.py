"""A position observation as the filter sees it: id, covariance, comparison with a track, birth of a state."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from summit_core.geo import LocalFrame
from summit_core.ids import derived_id
from summit_core.model import Position

from summit_fusion.track.filter import Array, Innovation, innovate
from summit_fusion.track.motion import REPORTED_SPEED_SIGMA_MPS, motion_for_birth
from summit_fusion.track.state import Track

MIN_VARIANCE_M2, MAX_VARIANCE_M2 = 0.01, 1e12


@dataclass(frozen=True, slots=True)
class Measurement:
    """``noise``: 2 x 2 covariance, east-north, square metres."""

    position: Position
    id: str
    noise: Array

    @classmethod
    def of(cls, position: Position, default_sigma_m: float) -> "Measurement":
        return cls(position, observation_id(position), noise_of(position, default_sigma_m))

    def against(self, track: Track) -> tuple[LocalFrame, Array, Array, Innovation]:
        """The track's frame, its prediction at the time of the observation, and the innovation."""
        frame, state, cov = track.predicted(self.position.observed_at)
        measured = np.array(frame.to_enu(self.position.lat, self.position.lon))
        return frame, state, cov, innovate(state, cov, measured, self.noise)

    def birth(self) -> tuple[Array, Array]:
        """State and covariance from this observation alone, in a frame at its place."""
        speed, course = self.position.speed_mps, self.position.course_deg
        sigma = motion_for_birth(self.position).speed_sigma_mps
        east = north = 0.0
        if speed is not None and course is not None:
            east, north = speed * math.sin(math.radians(course)), speed * math.cos(math.radians(course))
            sigma = REPORTED_SPEED_SIGMA_MPS
        elif speed is not None:
            sigma = max(speed, REPORTED_SPEED_SIGMA_MPS)
        cov = np.zeros((4, 4))
        cov[:2, :2] = self.noise
        cov[2, 2] = cov[3, 3] = sigma**2
        return np.array([0.0, 0.0, east, north]), cov


def noise_of(position: Position, default_sigma_m: float) -> Array:
    """``cov_m2`` where it is a covariance (finite, symmetric, positive definite), else ``sigma_m``, else the
    default."""
    if position.cov_m2 is not None:
        (ee, en), (ne, nn) = position.cov_m2
        regular = all(MIN_VARIANCE_M2 <= value <= MAX_VARIANCE_M2 for value in (ee, nn))
        if regular and abs(en - ne) <= 1e-6 * (ee + nn) and ee * nn - en * en > 1e-9 * ee * nn:
            return np.array([[ee, en], [en, nn]])
    variance = (position.sigma_m or default_sigma_m) ** 2
    return np.eye(2) * max(variance, MIN_VARIANCE_M2)


def observation_id(position: Position) -> str:
    """The observation's id, or one derived from its content, so that the same statement is known again."""
    if position.id is not None:
        return position.id
    place = f"{position.lat},{position.lon}"
    about = (position.recording or "", position.source, position.identity or "", place)
    return derived_id(position.observed_at, *about)


def track_id(position: Position) -> str:
    """Short and deterministic: of the identity where there is one (the thing comes back under its old id), else of the
    observation that the track begins with."""
    about = position.identity or observation_id(position)
    digest = hashlib.blake2b(f"{position.recording or ''}/{about}".encode(), digest_size=8)
    return f"trk-{digest.hexdigest()}"
