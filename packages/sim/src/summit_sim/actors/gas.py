"""A gas sensor that falls silent: its link stays up and nothing comes any more."""

from collections.abc import Iterable

from summit_core.model import Measurement

from summit_sim.actor import Message, Run
from summit_sim.actors.sensor import Sensor
from summit_sim.world import Point

PERIOD_S = 2.0


class GasSensor(Sensor):
    """Carbon monoxide, parts per million, until ``silent_from_s``."""

    def __init__(self, id_: str, run: Run, *, label: str, place: Point, alt_m: float, silent_from_s: float) -> None:
        super().__init__(id_, run, label=label, place=place, alt_m=alt_m)
        self._silent_from_s = silent_from_s
        self.every(run.period(PERIOD_S), self.sniff)

    def keepalive(self, t: float) -> Iterable[Message]:
        return super().keepalive(t) if t < self._silent_from_s else ()

    def sniff(self, t: float) -> Iterable[Message]:
        if t < self._silent_from_s:
            ppm = round(max(0.0, self.random.gauss(2.0, 0.3)), 2)
            yield self.observe(
                Measurement, t, quantity="carbon_monoxide", value=ppm, unit="ppm", lat=self.lat, lon=self.lon, sigma=0.3
            )
