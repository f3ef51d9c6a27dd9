"""What is believed about cameras and fires before anything is seen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Of :func:`summit_fusion.locate.scene`."""

    detection: float = 0.85
    """Probability that a camera that sees anything sees a given fire near by too; the rest is hidden by ridges."""
    haze_m: float = 25_000.0
    """The probability falls with the range like a Gaussian of this width."""
    false_rate: float = 0.1
    """Expected false lines of a camera, anywhere in ``spread_deg``."""
    spread_deg: float = 90.0
    fire_km2: float = 400.0
    """One fire is expected in so many square kilometres: the price of a fire is its error ellipse against this."""
    ellipse_km2: float = 2.0
    """A larger error ellipse makes a fire no more likely (it would favour lines that cross far away)."""
    gate_sigma: float = 3.5
    """A line that misses a fire by more than this is not of it."""
    min_range_m: float = 50.0
    max_range_m: float = 60_000.0
    known_odds: float = 20.0
    """A fire that was there before needs so much less evidence than a new one."""
    plausible: float = 0.05
    """Answers with less than this part of the best one's probability are not mentioned."""
