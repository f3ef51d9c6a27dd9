"""The ground around the cameras: read once for each neighbourhood, and what it says of what one camera sees."""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from summit_core.errors import InputError
from summit_core.model import SightRange

from summit_fusion.cameras import Sighting
from summit_fusion.locate import SightLine
from summit_fusion.terrain import Band, Camera, Patch, band

log = structlog.get_logger(__name__)

NEIGHBOURHOOD_DEG: Final = 0.2
"""Cameras in one square of this size share their ground."""
REACH_M: Final = 30_000.0
HALF_DIAGONAL_M: Final = 16_000.0
CELL_M: Final = 50.0
MOST_NEIGHBOURHOODS: Final = 12
"""13 MB each."""
ELEVATION_SIGMA_DEG: Final = 0.3
"""Of an elevation angle that comes without one."""
WIDEST_DEG: Final = 20.0
Neighbourhood = tuple[int, int]


class Ground(Protocol):
    """An elevation model; ``summit_fusion.terrain.elevation`` reads them from files."""

    def around(self, lat: float, lon: float, radius_m: float, cell_m: float | None = None) -> Patch: ...


@dataclass
class Relief:
    """``mast_m``: how far above the ground cameras stand. Heights are compared with heights of the same model only, so
    that the altitude which a camera states, above whatever reference, has no part in it."""

    elevation: Ground
    mast_m: float
    patches: OrderedDict[Neighbourhood, Patch | None] = field(default_factory=OrderedDict)

    def missing(self, places: Iterable[tuple[float, float]]) -> set[Neighbourhood]:
        """Neighbourhoods of these places (latitude, longitude) whose ground has not been read."""
        return {_neighbourhood(lat, lon) for lat, lon in places} - set(self.patches)

    def read(self, neighbourhoods: Iterable[Neighbourhood]) -> None:
        """Slow (a second or so each): not in the event loop. What is outside the elevation model has no ground."""
        for one in sorted(neighbourhoods):
            lat, lon = ((index + 0.5) * NEIGHBOURHOOD_DEG for index in one)
            try:
                self.patches[one] = self.elevation.around(lat, lon, REACH_M + HALF_DIAGONAL_M, CELL_M)
            except InputError as error:
                self.patches[one] = None
                log.warning("no ground for the cameras here", lat=lat, lon=lon, field=error.field, reason=error.detail)
            while len(self.patches) > MOST_NEIGHBOURHOODS:
                self.patches.popitem(last=False)

    def band(self, line: SightLine, seen: Sighting) -> Band | None:
        """Where along a line of sight the smoke may stand; None where the ground is unknown or the line says nothing.

        The direction is ``line``'s, corrected by the bias of the mount; the elevation angle is of the last sighting.
        """
        patch = self.patches.get(_neighbourhood(line.lat, line.lon))
        if patch is None or line.sigma_deg > WIDEST_DEG:
            return None
        angle = None
        if seen.elevation_deg is not None and abs(seen.elevation_deg) < 89.0:
            angle = seen.elevation_deg, min(seen.elevation_sigma_deg or ELEVATION_SIGMA_DEG, WIDEST_DEG)
        try:
            camera = Camera(line.lat, line.lon, self.mast_m)
            return band(patch, camera, line.azimuth_deg, line.sigma_deg, angle, max_range_m=REACH_M)
        except InputError:  # the camera itself stands where the height of the ground is unknown
            return None


def ranges_of(found: Band) -> tuple[SightRange, ...]:
    """The intervals of a band as they are published."""
    return tuple(
        SightRange(
            near_m=round(one.near_m),
            far_m=round(one.far_m),
            probability=round(min(1.0, one.probability), 3),
            hidden=round(min(1.0, one.hidden), 3),
            rise_m=round(one.rise_m, 1),
        )
        for one in found.intervals
    )


def _neighbourhood(lat: float, lon: float) -> Neighbourhood:
    return math.floor(lat / NEIGHBOURHOOD_DEG), math.floor(lon / NEIGHBOURHOOD_DEG)
