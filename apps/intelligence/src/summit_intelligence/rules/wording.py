"""Numbers as a person on the radio says them."""

from typing import Final

from summit_core import geo
from summit_core.model import Matrix2

ROUND: Final = 0.9
_POINTS: Final = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def place(lat: float, lon: float) -> str:
    """``39.800 N 121.400 W``."""
    return f"{abs(lat):.3f} {'N' if lat >= 0 else 'S'} {abs(lon):.3f} {'E' if lon >= 0 else 'W'}"


def length(metres: float) -> str:
    """``180 m``, ``3.1 km``: two significant figures, which is what an estimate deserves."""
    if metres < 1000.0:
        return f"{round(metres, -1) if metres >= 100 else round(metres):.0f} m"
    return f"{metres / 1000.0:.1f} km" if metres < 10_000.0 else f"{metres / 1000.0:.0f} km"


def direction(deg: float) -> str:
    """``215° (SW)``."""
    return f"{deg % 360.0:.0f}° ({_POINTS[round(deg / 45.0) % 8]})"


def ellipse(cov_m2: Matrix2) -> str:
    """The 95 % error ellipse in words."""
    major, minor, along = geo.ellipse(cov_m2)
    if minor > ROUND * major:
        return f"95 % of the fix lies within {length(major)}"
    return f"95 % of the fix lies within {length(major)} along {direction(along)} and {length(minor)} across"
