"""A weather station: wind, temperature and humidity that wander about the dry afternoon of the scenario."""

from collections.abc import Iterable

from summit_core.model import Measurement

from summit_sim.actor import Message, Run
from summit_sim.actors.sensor import Sensor
from summit_sim.world import Point

PERIOD_S = 5.0
MEMORY = 0.9
"""How much of a deviation is still there at the next reading (first-order autoregression)."""
QUANTITIES: tuple[tuple[str, str, float, float], ...] = (
    ("wind_speed", "m/s", 8.5, 0.6),
    ("wind_direction", "deg", 45.0, 3.0),
    ("temperature", "degC", 33.0, 0.1),
    ("relative_humidity", "%", 14.0, 0.3),
)
"""Name, unit, mean, and standard deviation of one reading's change."""


class WeatherStation(Sensor):
    """``wind_direction`` is where the wind comes from."""

    def __init__(self, id_: str, run: Run, *, label: str, place: Point, alt_m: float) -> None:
        super().__init__(id_, run, label=label, place=place, alt_m=alt_m)
        self._deviation = dict.fromkeys((name for name, *_ in QUANTITIES), 0.0)
        self.every(run.period(PERIOD_S), self.read)

    def read(self, t: float) -> Iterable[Message]:
        for name, unit, mean, change in QUANTITIES:
            self._deviation[name] = MEMORY * self._deviation[name] + self.random.gauss(0.0, change)
            value = mean + self._deviation[name]
            if name == "wind_direction":
                value %= 360.0
            yield self.observe(
                Measurement,
                t,
                quantity=name,
                value=round(max(value, 0.0), 2),
                unit=unit,
                lat=self.lat,
                lon=self.lon,
                alt_m=self.alt_m,
            )
