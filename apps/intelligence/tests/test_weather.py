"""Weather at a place, fuel moisture and the rule of spread."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.model import Measurement
from summit_intelligence.rules.spread import equilibrium_moisture_pct, statement
from summit_intelligence.rules.weather import Weather, WeatherLog, mean_direction

NOW = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)


def reading(
    quantity: str, value: float, unit: str, *, ago_s: float = 0.0, source: str = "wx-1", lat: float = 39.8
) -> Measurement:
    at = NOW - timedelta(seconds=ago_s)
    return Measurement(
        id="00000000-0000-7000-8000-000000000001",
        source=source,
        observed_at=at,
        quantity=quantity,
        value=value,
        unit=unit,
        lat=lat,
        lon=-121.4,
    )


def test_means_of_ten_minutes_in_si_units() -> None:
    log = WeatherLog()
    log.add(reading("wind_speed", 99.0, "m/s", ago_s=700))
    log.add(reading("wind_speed", 28.8, "km/h", ago_s=300))
    log.add(reading("wind_speed", 10.0, "m/s"))
    log.add(reading("wind_direction", 350.0, "deg", ago_s=5))
    log.add(reading("wind_direction", 10.0, "deg"))
    weather = log.at(39.81, -121.4, NOW)
    assert weather is not None
    assert (weather.wind_mps, weather.wind_from_deg, weather.humidity_pct) == (9.0, 0.0, None)


def test_the_nearest_station_that_spoke_lately() -> None:
    log = WeatherLog()
    log.add(reading("temperature", 20.0, "degC", source="far", lat=40.0))
    log.add(reading("temperature", 30.0, "degC", source="near"))
    log.add(reading("temperature", 40.0, "degC", source="nearest-but-old", lat=39.8, ago_s=3600))
    log.add(reading("methane", 40.0, "ppm", source="gas"))
    weather = log.at(39.8, -121.4, NOW)
    assert weather is not None and (weather.station, weather.temperature_c) == ("near", 30.0)
    assert log.at(10.0, 10.0, NOW) is None


@pytest.mark.parametrize(
    ("humidity", "celsius", "expected"), [(14.0, 33.0, 3.118), (5.0, 20.0, 1.241), (60.0, 20.0, 10.676)]
)
def test_equilibrium_moisture_of_simard(humidity: float, celsius: float, expected: float) -> None:
    assert equilibrium_moisture_pct(humidity, celsius) == pytest.approx(expected, abs=0.002)


def test_the_rule_of_spread_states_its_limits() -> None:
    dry = Weather("wx-1", "o", wind_mps=10.0, wind_from_deg=40.0, temperature_c=33.0, humidity_pct=14.0)
    assert "3.6 km/h towards 220° (SW)" in statement(dry) and "Cruz & Alexander 2019" in statement(dry)
    calm = Weather("wx-1", "o", wind_mps=5.0, wind_from_deg=40.0, temperature_c=33.0, humidity_pct=14.0)
    assert statement(calm).startswith("No estimate of spread: the rule") and "18 km/h" in statement(calm)
    assert statement(None).startswith("No estimate of spread: wind")


@given(st.floats(0.0, 359.9), st.floats(-80.0, 80.0))
def test_mean_direction_lies_between(middle: float, half: float) -> None:
    mean = mean_direction([(middle - half) % 360.0, (middle + half) % 360.0])
    assert abs((mean - middle + 180.0) % 360.0 - 180.0) < 1e-6
