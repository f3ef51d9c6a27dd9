"""The truth of a scenario: where things are, as pure functions of scenario time (seconds)."""

import math
from dataclasses import dataclass
from typing import Protocol

from summit_core.geo import LocalFrame

Point = tuple[float, float]
"""East, north in metres on the plane of the scenario."""


@dataclass(frozen=True, slots=True)
class State:
    """Where something is and how it moves; metres and metres a second of scenario time, course from true north."""

    east: float
    north: float
    course_deg: float
    speed_mps: float


class Motion(Protocol):
    """A way to move."""

    def at(self, t: float) -> State: ...


@dataclass(frozen=True, slots=True)
class Patrol:
    """Round and round through ``corners``, in straight lines, at a constant speed."""

    corners: tuple[Point, ...]
    speed_mps: float
    start_s: float = 0.0

    def at(self, t: float) -> State:
        legs = [
            (start, end, math.dist(start, end))
            for start, end in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        ]
        along = (t + self.start_s) * self.speed_mps % sum(length for *_, length in legs)
        for start, end, length in legs:
            if along < length:
                return _on_line(start, end, along / length, self.speed_mps)
            along -= length
        return _on_line(*legs[0][:2], 0.0, self.speed_mps)


@dataclass(frozen=True, slots=True)
class Racetrack:
    """Two straight legs of ``leg_m`` and two half circles, clockwise; ``leg_m`` 0 is an orbit. ``axis_deg`` is the
    direction of the first leg."""

    centre: Point
    leg_m: float
    radius_m: float
    axis_deg: float
    speed_mps: float
    start_s: float = 0.0

    def at(self, t: float) -> State:
        turn = math.pi * self.radius_m
        along = (t + self.start_s) * self.speed_mps % (2 * (self.leg_m + turn))
        second_half, along = divmod(along, self.leg_m + turn)
        if along < self.leg_m:
            forward, right, heading = along - self.leg_m / 2, -self.radius_m, 0.0
        else:
            angle = (along - self.leg_m) / self.radius_m
            forward = self.leg_m / 2 + self.radius_m * math.sin(angle)
            right, heading = -self.radius_m * math.cos(angle), math.degrees(angle)
        sign = -1.0 if second_half else 1.0
        axis = math.radians(self.axis_deg)
        east = self.centre[0] + sign * (forward * math.sin(axis) + right * math.cos(axis))
        north = self.centre[1] + sign * (forward * math.cos(axis) - right * math.sin(axis))
        return State(east, north, (self.axis_deg + heading + 180.0 * second_half) % 360.0, self.speed_mps)


@dataclass(frozen=True, slots=True)
class Fire:
    """A fire that stays where it began; its smoke is visible from ``smoke_at_s`` on."""

    east: float
    north: float
    smoke_at_s: float


@dataclass(frozen=True, slots=True)
class World:
    """The plane on which everything happens, and the fire."""

    frame: LocalFrame
    fire: Fire

    @property
    def fire_position(self) -> tuple[float, float]:
        """Latitude, longitude."""
        return self.frame.to_geodetic(self.fire.east, self.fire.north)


def _on_line(start: Point, end: Point, fraction: float, speed: float) -> State:
    east, north = end[0] - start[0], end[1] - start[1]
    course = math.degrees(math.atan2(east, north)) % 360.0
    return State(start[0] + fraction * east, start[1] + fraction * north, course, speed)
