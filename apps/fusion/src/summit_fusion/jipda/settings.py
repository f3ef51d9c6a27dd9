"""What the tracker assumes: how things move, when a track begins, is believed and ends."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Motion:
    """Two constant-velocity models that a target switches between: it cruises, or it manoeuvres.

    ``q_*``: power spectral density of white acceleration, m2/s3. ``stay_*_s``: mean time in a model, seconds.
    ``speed_sigma_mps``: of each velocity component of a new track. ``cruises``: prior probability of the first model.
    """

    q_cruise: float = 0.1
    q_manoeuvre: float = 25.0
    stay_cruise_s: float = 40.0
    stay_manoeuvre_s: float = 8.0
    speed_sigma_mps: float = 40.0
    cruises: float = 0.7


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Probabilities are 0 to 1. A track that was confirmed is kept in silence far below the level at which it is
    published: nine of ten identity switches were tracks that had been deleted and were born again."""

    motion: Motion = field(default_factory=Motion)
    gate: float = 20.0
    """Squared Mahalanobis distance, chi-square with 2 degrees of freedom: 20 leaves out 5 in 100,000."""
    mean_life_s: float = 150.0
    birth_existence: float = 0.1
    birth_density: float = 2e-9
    """New targets a square metre and scan."""
    confirm: float = 0.9
    confirm_hits: int = 2
    publish: float = 0.4
    delete_tentative: float = 0.02
    delete_confirmed: float = 0.002
