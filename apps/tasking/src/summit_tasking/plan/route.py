"""The flight out, the look around and the way home, against the endurance that the asset reports.

Great-circle legs at cruise speed on WGS-84; still air, no terrain: the reserve has to cover what this leaves out.
"""

from dataclasses import dataclass
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Entity, Location, Plan, Waypoint

LOITER_S: Final = 60.0
LEAST_RESERVE: Final = 0.20


@dataclass(frozen=True, slots=True)
class Route:
    """What it would take. ``reserve`` is the part of the present endurance left at home; negative: it does not get
    there."""

    distance_m: float
    out_m: float
    arrive_s: float
    duration_s: float
    reserve: float
    home: tuple[float, float]

    @property
    def feasible(self) -> bool:
        return self.reserve >= LEAST_RESERVE

    def plan(self, target: Location) -> Plan:
        """The plan for the asset, rounded so that its hash does not hang on noise far below a metre or a second."""
        return Plan(
            waypoints=(
                Waypoint(lat=round(target.lat, 6), lon=round(target.lon, 6), loiter_s=LOITER_S),
                Waypoint(lat=round(self.home[0], 6), lon=round(self.home[1], 6)),
            ),
            distance_m=round(self.distance_m, 1),
            duration_s=round(self.duration_s, 1),
            arrive_s=round(self.arrive_s, 1),
            reserve=round(max(0.0, min(1.0, self.reserve)), 3),
        )


def out_and_back(asset: Entity, target: Location) -> Route | str:
    """The route, or what the asset does not say that a route needs."""
    where, health = asset.location, asset.health
    if where is None:
        return "its position is not known"
    if health is None or not health.cruise_mps or health.endurance_s is None:
        return "it does not report its endurance and cruise speed"
    home = asset.home or (where.lat, where.lon)
    out = distance_m(where.lat, where.lon, target.lat, target.lon)
    back = distance_m(target.lat, target.lon, *home)
    duration = (out + back) / health.cruise_mps + LOITER_S
    reserve = 1.0 - duration / health.endurance_s if health.endurance_s > 0 else -1.0
    return Route(out + back, out, out / health.cruise_mps, duration, reserve, home)
