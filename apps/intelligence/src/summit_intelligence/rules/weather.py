"""Weather at a place: ten-minute means of the nearest station, as meteorologists report wind (WMO-No. 8, chapter 5)."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Measurement

MEAN_OVER: Final = timedelta(minutes=10)
NEWEST: Final = timedelta(minutes=30)
REACH_M: Final = 50_000.0
KEPT: Final = 600

_TO_SI: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "wind_speed": {"m/s": (1.0, 0.0), "km/h": (1 / 3.6, 0.0), "kn": (0.514444, 0.0), "mph": (0.44704, 0.0)},
    "wind_direction": {"deg": (1.0, 0.0)},
    "temperature": {"degC": (1.0, 0.0), "degF": (5 / 9, -160 / 9), "K": (1.0, -273.15)},
    "relative_humidity": {"%": (1.0, 0.0), "1": (100.0, 0.0)},
}
"""Quantity and unit to factor and offset; anything else is not weather to us."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Rounded to what the instruments are worth, so that a judgement does not change with every gust.

    Wind in m/s and degrees that it comes from, temperature in °C (to 1), relative humidity in % (to 1).
    """

    station: str
    observation: str
    wind_mps: float | None = None
    wind_from_deg: float | None = None
    temperature_c: float | None = None
    humidity_pct: float | None = None

    @property
    def text(self) -> str:
        """``wind 9 m/s from 40° (NE), humidity 14 %, 33 °C``-like; only what is known."""
        parts = []
        if self.wind_mps is not None:
            where = "" if self.wind_from_deg is None else f" from {self.wind_from_deg:.0f}°"
            parts.append(f"wind {self.wind_mps:.0f} m/s{where}")
        if self.humidity_pct is not None:
            parts.append(f"relative humidity {self.humidity_pct:.0f} %")
        if self.temperature_c is not None:
            parts.append(f"{self.temperature_c:.0f} °C")
        return ", ".join(parts)


@dataclass(slots=True)
class _Station:
    lat: float
    lon: float
    heard_at: datetime
    observation: str
    readings: dict[str, deque[tuple[datetime, float]]] = field(default_factory=dict)

    def means(self, now: datetime) -> dict[str, float]:
        return {name: mean for name in self.readings if (mean := self._mean(name, now)) is not None}

    def _mean(self, quantity: str, now: datetime) -> float | None:
        values = [value for at, value in self.readings[quantity] if now - at <= NEWEST]
        newest = max((at for at, _ in self.readings[quantity]), default=now)
        recent = [value for at, value in self.readings[quantity] if newest - at <= MEAN_OVER]
        if not values:
            return None
        return mean_direction(recent) if quantity == "wind_direction" else sum(recent) / len(recent)


class WeatherLog:
    """The last readings of every station, in memory: weather is news, an old one is worth nothing."""

    def __init__(self) -> None:
        self._stations: dict[str, _Station] = {}

    def add(self, reading: Measurement) -> None:
        """Take in one measurement; what is not weather, or has no place, is passed over."""
        scale = _TO_SI.get(reading.quantity, {}).get(reading.unit)
        if scale is None or reading.lat is None or reading.lon is None:
            return
        station = self._stations.setdefault(
            reading.source, _Station(reading.lat, reading.lon, reading.observed_at, reading.id or "")
        )
        if reading.observed_at >= station.heard_at:
            station.lat, station.lon = reading.lat, reading.lon
            station.heard_at, station.observation = reading.observed_at, reading.id or ""
        kept = station.readings.setdefault(reading.quantity, deque(maxlen=KEPT))
        kept.append((reading.observed_at, reading.value * scale[0] + scale[1]))

    def at(self, lat: float, lon: float, now: datetime) -> Weather | None:
        """The weather of the nearest station within 50 km that spoke within 30 minutes."""
        near = [
            (distance_m(lat, lon, station.lat, station.lon), name)
            for name, station in self._stations.items()
            if now - station.heard_at <= NEWEST
        ]
        if not near or min(near)[0] > REACH_M:
            return None
        name = min(near)[1]
        station = self._stations[name]
        return _rounded(name, station.observation, station.means(now))


def mean_direction(degrees: Iterable[float]) -> float:
    """The direction of the mean unit vector: 350° and 10° make 0°, not 180°."""
    radians = [math.radians(value) for value in degrees]
    east, north = sum(map(math.sin, radians)), sum(map(math.cos, radians))
    return math.degrees(math.atan2(east, north)) % 360.0


def _rounded(station: str, observation: str, means: dict[str, float]) -> Weather | None:
    if not means:
        return None

    def to(quantity: str, step: float) -> float | None:
        value = means.get(quantity)
        return None if value is None else round(value / step) * step

    wind_from = to("wind_direction", 10.0)
    return Weather(
        station=station,
        observation=observation,
        wind_mps=to("wind_speed", 1.0),
        wind_from_deg=None if wind_from is None else wind_from % 360.0,
        temperature_c=to("temperature", 1.0),
        humidity_pct=to("relative_humidity", 1.0),
    )
