"""What the tracker assumes: how things move, when a track begins, is believed and ends."""

import math
from dataclasses import dataclass, field
from typing import Final

from summit_fusion.jipda.classes import ClassSettings
from summit_fusion.jipda.height import HeightSettings
from summit_fusion.jipda.identity import IdentitySettings


@dataclass(frozen=True, slots=True)
class Motion:
    """Two constant-velocity models that a target switches between: it cruises, or it manoeuvres.

    ``q_*``: power spectral density of white acceleration, m2/s3. ``stay_*_s``: mean time in a model, seconds.
    ``speed_sigma_mps``: of each velocity component of a new track that cruises, ``fast_sigma_mps``: of one under the
    second model, None means the same. ``cruises``: prior probability of the first model.
    """

    q_cruise: float = 0.1
    q_manoeuvre: float = 25.0
    stay_cruise_s: float = 40.0
    stay_manoeuvre_s: float = 8.0
    speed_sigma_mps: float = 40.0
    cruises: float = 0.7
    fast_sigma_mps: float | None = None

    @property
    def fastest_sigma_mps(self) -> float:
        return self.fast_sigma_mps or self.speed_sigma_mps


ANYTHING: Final = Motion(speed_sigma_mps=20.0, fast_sigma_mps=60.0, cruises=0.83)
"""Nothing is known of what moves: most are slow, and the rest must be found too."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Probabilities are 0 to 1. A track that was confirmed is kept in silence far below the level at which it is
    published: nine of ten identity switches were tracks that had been deleted and were born again."""

    motion: Motion = ANYTHING
    gate: float = 20.0
    """Squared Mahalanobis distance, chi-square with 2 degrees of freedom: 20 leaves out 5 in 100,000."""
    mean_life_s: float = 150.0
    birth_existence: float = 0.1
    birth_density: float = 2e-9
    """New targets a square metre and scan."""
    confirm: float = 0.9
    confirm_hits: int = 2
    publish: float = 0.4
    publish_sigma_m: float = math.inf
    """Root of the trace of the position's covariance above which a track is no place to show."""
    publish_s: float = math.inf
    """After a silence of this length it is kept and no longer shown."""
    silence_s: float = math.inf
    """After a silence of a few times this a target is out of the sensor's reach rather than gone (transponders that
    nobody hears for minutes): its absence is hardly evidence any more."""
    forget_s: float = math.inf
    """After a silence of this length it is forgotten: what comes back then is new."""
    delete_tentative: float = 0.02
    delete_confirmed: float = 0.002
    height: HeightSettings = field(default_factory=HeightSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    classes: ClassSettings = field(default_factory=ClassSettings)
