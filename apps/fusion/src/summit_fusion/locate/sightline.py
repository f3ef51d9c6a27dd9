"""What goes into a localisation and what comes out of it."""

from collections.abc import Hashable
from dataclasses import dataclass

from summit_core.model import Matrix2


@dataclass(frozen=True, slots=True)
class SightLine:
    """A camera at ``lat, lon`` (degrees, WGS-84) sees the thing in direction ``azimuth_deg`` (clockwise from true
    north).

    ``sigma_deg`` is one standard deviation of the direction, more than zero. ``key`` is the caller's own and is not
    read.
    """

    source: str
    lat: float
    lon: float
    azimuth_deg: float
    sigma_deg: float
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class FixHypothesis:
    """One place that the sight lines allow.

    ``cov_m2`` is the inverse Fisher information, east-north, square metres. ``weight`` is the posterior probability
    among the hypotheses of the fix (they add up to one). ``used`` and ``residuals_sigma`` (measured minus predicted
    azimuth, in standard deviations) stand in the order of the input.
    """

    lat: float
    lon: float
    cov_m2: Matrix2
    weight: float
    used: tuple[bool, ...]
    residuals_sigma: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """The answer: hypotheses, best first. ``reason`` says why it is ambiguous, or why there is no hypothesis at all.

    Reasons: ``too_few`` (fewer than two lines), ``no_crossing`` (no two lines meet in front of both cameras within the
    plausible range), ``near_parallel`` (they meet at too small an angle to place anything), ``outlier`` (some line is
    wrong and the lines do not tell which, or two places explain them), ``inconsistent`` (the chi-square of the lines
    used is implausible), ``poor_geometry`` (one place, but spread over kilometres), ``unchecked`` (three lines meet,
    but if one of them were wrong it might not show).
    """

    ambiguous: bool
    reason: str | None
    hypotheses: tuple[FixHypothesis, ...]
