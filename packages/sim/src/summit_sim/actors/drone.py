"""A drone: reports itself, flies what it is asked to fly, says what it sees, comes home."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal

from msgspec.structs import replace
from summit_core.model import Detection, Task, TaskStatus, Telemetry, Waypoint

from summit_sim.actor import Actor, Message, Run
from summit_sim.actors.flight import CRUISE_MPS, Flight
from summit_sim.world import Point

TICK_S = 0.1
TELEMETRY_S = 1.0
PROGRESS_S = 2.0
LOOK_S = 2.0
FULL_ENDURANCE_S = 3600.0
SENSOR_RANGE_M = 400.0
DETECTION_SIGMA_M = 15.0
GPS_SIGMA_M = 1.5
FLYING_HEIGHT_M = 120.0
SHORTEST_LOOK_S = 10.0
RESERVE_S = 20.0


class Drone(Actor):
    """Endurance and the times of a mission (``loiter_s``) are scenario seconds, so at a higher ``speed`` a mission ends
    earlier on the wall's clock; the telemetry states endurance and cruise as they appear there. A task that it cannot
    fly and come home from is refused. A repeated task gets its last answer and is not flown again.
    """

    def __init__(self, id_: str, run: Run, *, label: str, home: Point, home_alt_m: float, battery: float) -> None:
        super().__init__(id_, run)
        self.label = label
        self.battery = battery
        self.flight = Flight(*home, home_alt_m)
        self.parked = True
        self._home, self._home_alt_m = home, home_alt_m
        self._home_position = run.world.frame.to_geodetic(*home)
        self._inbox: deque[Task] = deque()
        self._answers: dict[str, TaskStatus] = {}
        self._mission: Task | None = None
        self._legs: list[Waypoint] = []
        self._loitered_s = 0.0
        self._planned_s = 1.0
        self._seen = 0
        self.every(TICK_S, self.fly)
        self.every(run.period(TELEMETRY_S), self.report)
        self.every(run.period(LOOK_S), self.look)
        self.every(run.period(PROGRESS_S), self.tell_progress)

    @property
    def endurance_s(self) -> float:
        """What the battery still allows, scenario seconds of flight."""
        return self.battery * FULL_ENDURANCE_S

    @property
    def activity(self) -> str:
        if self._mission is None:
            return "parked" if self.parked else "flying home"
        return "looking" if self._loitered_s else "flying to the task"

    def take(self, task: Task) -> None:
        self._inbox.append(task)

    def fly(self, t: float) -> Iterable[Message]:
        """One tick of the flight."""
        while self._inbox:
            yield from self._consider(self._inbox.popleft(), t)
        if self.parked:
            return
        self.battery = max(0.0, self.battery - TICK_S / FULL_ENDURANCE_S)
        if self._mission is not None and self._way_home_s() > self.endurance_s:
            yield from self._end("failed", t, "turned back: the battery is just enough for the way home")
        if self._mission is None:
            self.parked = self.flight.towards(self._home, self._home_alt_m, TICK_S)
            return
        leg = self._legs[0]
        if self.flight.towards(self._point(leg), self._height(leg), TICK_S):
            yield from self._loiter(leg, t)

    def report(self, t: float) -> Iterable[Message]:
        lat, lon = self.near(self.flight.east, self.flight.north, GPS_SIGMA_M)
        yield self.observe(
            Telemetry,
            t,
            category="drone",
            label=self.label,
            lat=lat,
            lon=lon,
            alt_m=round(self.flight.alt_m, 1),
            course_deg=round(self.flight.course_deg, 1),
            speed_mps=round(self.flight.speed_mps * self.run.speed, 2),
            battery=round(self.battery, 4),
            endurance_s=round(self.endurance_s / self.run.speed, 1),
            cruise_mps=CRUISE_MPS * self.run.speed,
            capabilities=("investigate", "camera"),
            home=self._home_position,
            task=self._mission.id if self._mission else None,
            activity=self.activity,
        )

    def look(self, t: float) -> Iterable[Message]:
        """What the camera sees on a mission: the fire, once it is near enough."""
        fire = self.run.world.fire
        mission = self._mission
        if mission is None or t < fire.smoke_at_s or self.flight.distance((fire.east, fire.north)) > SENSOR_RANGE_M:
            return
        self._seen += 1
        lat, lon = self.near(fire.east, fire.north, DETECTION_SIGMA_M)
        yield self.observe(
            Detection,
            t,
            class_="fire",
            confidence=round(min(0.99, max(0.8, self.random.gauss(0.93, 0.02))), 3),
            lat=lat,
            lon=lon,
            sigma_m=DETECTION_SIGMA_M,
            causes=(mission.id,),
        )

    def tell_progress(self, t: float) -> Iterable[Message]:
        if self._mission is not None:
            yield self._say(self._mission.id, "executing", t, progress=self._progress(), note=self.activity)

    def _consider(self, task: Task, t: float) -> Iterator[Message]:
        if task.id in self._answers:
            yield self._answers[task.id]
            return
        legs = self._legs_of(task)
        needed = self._duration_s(legs)
        if self._mission is not None:
            yield self._say(task.id, "refused", t, note=f"busy with {self._mission.id}")
        elif needed + self._leg_s(self._point(legs[-1]), self._home) + RESERVE_S > self.endurance_s:
            yield self._say(task.id, "refused", t, note=f"the way there takes {needed:.0f} s; the battery is too low")
        else:
            self._mission, self._legs, self._planned_s = task, legs, needed
            self._loitered_s, self._seen, self.parked = 0.0, 0, False
            yield self._say(task.id, "accepted", t)
            yield self._say(task.id, "executing", t, progress=0.0, note="taking off")

    def _loiter(self, leg: Waypoint, t: float) -> Iterator[Message]:
        self._loitered_s += TICK_S
        if self._loitered_s < leg.loiter_s:
            return
        self._loitered_s = 0.0
        del self._legs[0]
        if not self._legs:
            seen = f"fire seen {self._seen} times" if self._seen else "no fire seen"
            yield from self._end("done", t, seen, progress=1.0)

    def _end(
        self, state: Literal["done", "failed"], t: float, note: str, progress: float | None = None
    ) -> Iterator[Message]:
        if self._mission is not None:
            yield self._say(self._mission.id, state, t, progress=progress, note=note)
        self._mission, self._legs, self._loitered_s = None, [], 0.0

    def _say(
        self,
        task_id: str,
        state: Literal["accepted", "executing", "done", "refused", "failed"],
        t: float,
        *,
        progress: float | None = None,
        note: str = "",
    ) -> TaskStatus:
        status = TaskStatus(task=task_id, state=state, at=self.run.moment(t), progress=progress, note=note)
        self._answers[task_id] = status
        return status

    def _legs_of(self, task: Task) -> list[Waypoint]:
        """The waypoints without the way home, which the drone flies by itself when the task is done."""
        lat, lon = self._home_position
        if task.kind == "return":
            return [Waypoint(lat=lat, lon=lon)]
        legs = list(task.plan.waypoints)
        while len(legs) > 1 and math.dist(self._point(legs[-1]), self._home) < 100.0:
            legs.pop()
        legs[-1] = replace(legs[-1], loiter_s=max(SHORTEST_LOOK_S, legs[-1].loiter_s))
        return legs

    def _point(self, waypoint: Waypoint) -> Point:
        return self.run.world.frame.to_enu(waypoint.lat, waypoint.lon)

    def _height(self, waypoint: Waypoint) -> float:
        return waypoint.alt_m if waypoint.alt_m is not None else self._home_alt_m + FLYING_HEIGHT_M

    def _leg_s(self, start: Point, end: Point) -> float:
        return math.dist(start, end) / CRUISE_MPS

    def _way_home_s(self) -> float:
        return self.flight.distance(self._home) / CRUISE_MPS + RESERVE_S / 2

    def _duration_s(self, legs: list[Waypoint]) -> float:
        """From here through ``legs``, with their loitering."""
        points = [(self.flight.east, self.flight.north), *map(self._point, legs)]
        return sum(self._leg_s(a, b) for a, b in pairwise(points)) + sum(leg.loiter_s for leg in legs)

    def _progress(self) -> float:
        left = self._duration_s(self._legs) - self._loitered_s
        return round(min(0.99, max(0.0, 1.0 - left / max(self._planned_s, 1.0))), 3)
