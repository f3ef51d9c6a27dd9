"""A camera tower that sees smoke and says in which direction."""

from collections.abc import Iterable

from summit_core.geo import initial_bearing_deg
from summit_core.model import Bearing

from summit_sim.actor import Message, Run
from summit_sim.actors.sensor import Sensor
from summit_sim.world import Point

PERIOD_S = 5.0


class Camera(Sensor):
    """``sigma_deg`` is the noise of an azimuth, which the camera states truly; ``offset_deg`` an error of its mounting,
    of which it knows nothing. ``first_s`` is how long after the smoke its first bearing comes."""

    def __init__(
        self,
        id_: str,
        run: Run,
        *,
        label: str,
        place: Point,
        alt_m: float,
        sigma_deg: float,
        offset_deg: float = 0.0,
        first_s: float = 0.0,
    ) -> None:
        super().__init__(id_, run, label=label, place=place, alt_m=alt_m)
        self.sigma_deg = sigma_deg
        self.offset_deg = offset_deg
        self.every(run.period(PERIOD_S), self.look, first_s=run.world.fire.smoke_at_s + first_s)

    def look(self, t: float) -> Iterable[Message]:
        truth = initial_bearing_deg(self.lat, self.lon, *self.run.world.fire_position)
        azimuth = truth + self.offset_deg + self.random.gauss(0.0, self.sigma_deg)
        yield self.observe(
            Bearing,
            t,
            lat=self.lat,
            lon=self.lon,
            alt_m=self.alt_m,
            azimuth_deg=azimuth % 360.0,
            sigma_deg=self.sigma_deg,
            confidence=round(self.random.uniform(0.70, 0.95), 3),
            class_="smoke",
        )
