"""Machine code before it is needed: the first fire must not wait seconds for a compiler."""

from summit_fusion.locate import SightLine, locate


def warm() -> None:
    """Locate something; quick when the machine code is on disk from an earlier start."""
    towers = ((45.0, 5.0, 45.0), (45.0, 5.1, 315.0), (45.1, 5.05, 180.0))
    locate([SightLine("warm", lat, lon, azimuth, 1.0) for lat, lon, azimuth in towers])
