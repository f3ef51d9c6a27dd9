"""How a multirotor moves: a point mass that speeds up, cruises, brakes in time and climbs."""

import math
from dataclasses import dataclass

from summit_sim.world import Point

CRUISE_MPS = 25.0
ACCELERATION_MPS2 = 2.5
CLIMB_MPS = 5.0
ARRIVED_M = 2.0


@dataclass(slots=True)
class Flight:
    """East, north in metres on the plane of the scenario; course from true north."""

    east: float
    north: float
    alt_m: float
    course_deg: float = 0.0
    speed_mps: float = 0.0

    def distance(self, point: Point) -> float:
        return math.dist((self.east, self.north), point)

    def towards(self, point: Point, alt_m: float, dt: float) -> bool:
        """Fly for ``dt`` seconds towards ``point``, to stop there. True when there."""
        self.alt_m += max(-CLIMB_MPS * dt, min(CLIMB_MPS * dt, alt_m - self.alt_m))
        left = self.distance(point)
        if left <= ARRIVED_M:
            self.speed_mps = 0.0
            return True
        can_brake_from = math.sqrt(2.0 * ACCELERATION_MPS2 * left)
        self.speed_mps = min(self.speed_mps + ACCELERATION_MPS2 * dt, CRUISE_MPS, can_brake_from)
        fraction = min(1.0, self.speed_mps * dt / left)
        east, north = point[0] - self.east, point[1] - self.north
        self.course_deg = math.degrees(math.atan2(east, north)) % 360.0
        self.east += fraction * east
        self.north += fraction * north
        return False
