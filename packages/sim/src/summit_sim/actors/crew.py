"""People and engines on the ground with a GPS tracker."""

from collections.abc import Iterable
from typing import Literal

from summit_core.model import Telemetry

from summit_sim.actor import Actor, Message, Run
from summit_sim.world import Motion

PERIOD_S = 1.0
SIGMA_M = 4.0


class Crew(Actor):
    """Reports its own position; ``activity`` is what it is doing."""

    def __init__(
        self,
        id_: str,
        run: Run,
        *,
        label: str,
        motion: Motion,
        category: Literal["crew", "engine"] = "crew",
        activity: str = "patrol",
        alt_m: float = 900.0,
    ) -> None:
        super().__init__(id_, run)
        self._label, self._motion, self._category, self._activity = label, motion, category, activity
        self._alt_m = alt_m
        self.every(run.period(PERIOD_S), self.report)

    def report(self, t: float) -> Iterable[Message]:
        state = self._motion.at(t)
        lat, lon = self.near(state.east, state.north, SIGMA_M)
        yield self.observe(
            Telemetry,
            t,
            category=self._category,
            label=self._label,
            lat=lat,
            lon=lon,
            alt_m=self._alt_m,
            course_deg=state.course_deg,
            speed_mps=state.speed_mps * self.run.speed,
            activity=self._activity,
        )
