"""A receiver or radar that reports the positions of others: with their identity (ADS-B) or without (radar)."""

from collections.abc import Iterable
from dataclasses import dataclass

from summit_core.model import Position

from summit_sim.actor import Actor, Message, Run
from summit_sim.world import Motion

PERIOD_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is seen. ``identity`` is what it broadcasts; nothing for what only reflects."""

    motion: Motion
    class_: str | None = None
    identity: str | None = None
    label: str | None = None
    alt_m: float | None = None


class Surveillance(Actor):
    """``sigma_m`` is the noise of a coordinate. Without an identity the course and speed are not known either."""

    def __init__(self, id_: str, run: Run, *, targets: tuple[Target, ...], sigma_m: float) -> None:
        super().__init__(id_, run)
        self._targets = targets
        self._sigma_m = sigma_m
        self.every(run.period(PERIOD_S), self.sweep)

    def sweep(self, t: float) -> Iterable[Message]:
        for target in self._targets:
            state = target.motion.at(t)
            lat, lon = self.near(state.east, state.north, self._sigma_m)
            cooperative = target.identity is not None
            yield self.observe(
                Position,
                t,
                lat=lat,
                lon=lon,
                alt_m=target.alt_m,
                sigma_m=self._sigma_m,
                course_deg=state.course_deg if cooperative else None,
                speed_mps=state.speed_mps * self.run.speed if cooperative else None,
                identity=target.identity,
                label=target.label,
                class_=target.class_,
            )
