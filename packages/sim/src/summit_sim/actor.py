"""An actor says things at set moments of scenario time. It does no I/O: :meth:`Actor.step` gives the messages.

Scenario time runs ``speed`` times as fast as the clock on the wall; time stamps are those of the wall. So all things
move, and are reported, ``speed`` times as fast, and the speeds reported are the apparent ones: a tracker sees a
consistent world at any ``speed``.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace
from summit_core.ids import derived_id
from summit_core.model import AnyObservation, Task, TaskStatus
from summit_core.model.observation import Observation
from summit_core.wire import encode

from summit_sim.world import World

FASTEST_WALL_S = 0.2
"""No stream sends oftener than this on the wall's clock, whatever the speed."""

Message = AnyObservation | TaskStatus
Say = Callable[[float], Iterable[Message]]
Seen = TypeVar("Seen", bound=Observation)


@dataclass(frozen=True, slots=True)
class Run:
    """What the actors of one run share."""

    world: World
    seed: int
    speed: float
    start: datetime

    def moment(self, t: float) -> datetime:
        """The wall's time at scenario time ``t``."""
        return self.start + timedelta(seconds=t / self.speed)

    def period(self, nominal_s: float) -> float:
        """Scenario seconds between reports: at least as often as ``nominal_s`` on the wall, and within reason."""
        return max(FASTEST_WALL_S * self.speed, min(nominal_s, nominal_s * self.speed))


class Actor:
    """Base of all actors. The same seed and id give the same noise, however often ``step`` is called."""

    def __init__(self, id_: str, run: Run) -> None:
        self.id = id_
        self.run = run
        self.random = random.Random(f"{run.seed}:{id_}")
        self._seq = 0
        self._routines: list[tuple[float, float, Say]] = []
        self._due: list[tuple[float, int, int]] = []

    def every(self, period_s: float, say: Say, *, first_s: float = 0.0) -> None:
        """Call ``say`` with the scenario time ``first_s`` and then every ``period_s``."""
        heapq.heappush(self._due, (first_s, len(self._routines), 0))
        self._routines.append((first_s, period_s, say))

    @property
    def due(self) -> float:
        """Scenario time of the next thing to say."""
        return self._due[0][0] if self._due else math.inf

    def step(self, until: float) -> list[Message]:
        """What is due up to scenario time ``until``, in order."""
        messages: list[Message] = []
        while self._due and self._due[0][0] <= until:
            t, which, count = heapq.heappop(self._due)
            first, period, say = self._routines[which]
            messages.extend(say(t))
            heapq.heappush(self._due, (first + (count + 1) * period, which, count + 1))
        return messages

    def take(self, task: Task) -> None:
        """A task was dispatched to this actor. Only those that fly have an answer to it."""

    def observe(self, kind: type[Seen], t: float, **fields: Any) -> Seen:
        """An observation of this actor at ``t``, numbered, with an id made from its content."""
        observation = kind(source=self.id, observed_at=self.run.moment(t), seq=self._seq, **fields)
        self._seq += 1
        return replace(observation, id=derived_id(observation.observed_at, encode(observation)))

    def near(self, east: float, north: float, sigma_m: float) -> tuple[float, float]:
        """Latitude, longitude of a point of the plane with noise of ``sigma_m`` a coordinate."""
        noise = self.random.gauss
        return self.run.world.frame.to_geodetic(east + noise(0.0, sigma_m), north + noise(0.0, sigma_m))
