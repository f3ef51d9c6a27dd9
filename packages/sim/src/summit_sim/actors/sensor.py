"""A sensor on a mast: stands still and says every ten seconds that it is there."""

from collections.abc import Iterable

from summit_core.model import Telemetry

from summit_sim.actor import Actor, Message, Run
from summit_sim.world import Point

KEEPALIVE_S = 10.0


class Sensor(Actor):
    """``place`` is where the mast stands, ``alt_m`` its height above the ellipsoid."""

    def __init__(self, id_: str, run: Run, *, label: str, place: Point, alt_m: float) -> None:
        super().__init__(id_, run)
        self.label = label
        self.place = place
        self.lat, self.lon = run.world.frame.to_geodetic(*place)
        self.alt_m = alt_m
        self.every(run.period(KEEPALIVE_S), self.keepalive)

    def keepalive(self, t: float) -> Iterable[Message]:
        yield self.observe(
            Telemetry, t, category="sensor", lat=self.lat, lon=self.lon, alt_m=self.alt_m, label=self.label
        )
