"""Machine code before it is needed: the first fire must not wait seconds for a compiler."""

from datetime import UTC, datetime, timedelta

from summit_core.model import Position

from summit_fusion.jipda.warm import warm as warm_tracker
from summit_fusion.locate import SightLine, locate
from summit_fusion.tracks import Tracks

START = datetime(2026, 1, 1, tzinfo=UTC)


def warm() -> None:
    """Locate and track something; quick when the machine code is on disk from an earlier start."""
    towers = ((45.0, 5.0, 45.0), (45.0, 5.1, 315.0), (45.1, 5.05, 180.0))
    locate([SightLine("warm", lat, lon, azimuth, 1.0) for lat, lon, azimuth in towers])
    warm_tracker()
    tracks = Tracks()
    for second in range(4):
        at = START + timedelta(seconds=second)
        drone = Position(
            source="warm", observed_at=at, lat=45.0, lon=5.0, alt_m=100.0, identity="device:warm", class_="drone"
        )
        tracks.observe([drone])
