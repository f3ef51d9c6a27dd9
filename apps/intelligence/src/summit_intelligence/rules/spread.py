"""How fast the head of a fire may run: the 10 % wind speed rule of thumb, with its limits.

Source: Cruz and Alexander, "The 10% wind speed rule of thumb for estimating a wildfire's forward rate of spread in
forests and shrublands", Annals of Forest Science 76:44 (2019); evaluated for open wind above 30 km/h and fine dead fuel
moisture below 7 % (Cruz et al. 2020). It is not for grassland. Fuel moisture is the equilibrium moisture content of
Simard (1968) as used by the United States fire danger rating (Bradshaw et al. 1983).
"""

from typing import Final

from summit_intelligence.rules.weather import Weather
from summit_intelligence.rules.wording import direction

RULE: Final = "10 % of wind speed, Cruz & Alexander 2019"
LEAST_WIND_KMH: Final = 30.0
MOST_MOISTURE_PCT: Final = 7.0


def equilibrium_moisture_pct(humidity_pct: float, temperature_c: float) -> float:
    """Equilibrium moisture content of dead fuel, % of dry mass; relative humidity in %, air temperature in °C."""
    h, t = humidity_pct, temperature_c * 9.0 / 5.0 + 32.0
    if h < 10.0:
        return 0.03229 + 0.281073 * h - 0.000578 * h * t
    if h < 50.0:
        return 2.22749 + 0.160107 * h - 0.01478 * t
    return 21.0606 + 0.005565 * h * h - 0.00035 * h * t - 0.483199 * h


def statement(weather: Weather | None) -> str:
    """One sentence: the estimate and what it holds for, or why there is none."""
    if weather is None or weather.wind_mps is None or weather.humidity_pct is None or weather.temperature_c is None:
        return "No estimate of spread: wind, humidity or temperature is not known."
    wind_kmh = weather.wind_mps * 3.6
    moisture = equilibrium_moisture_pct(weather.humidity_pct, weather.temperature_c)
    if wind_kmh <= LEAST_WIND_KMH or moisture >= MOST_MOISTURE_PCT:
        return (
            f"No estimate of spread: the rule ({RULE}) holds for wind above {LEAST_WIND_KMH:.0f} km/h "
            f"and fuel moisture below {MOST_MOISTURE_PCT:.0f} %; here it is {wind_kmh:.0f} km/h "
            f"and about {moisture:.0f} %."
        )
    towards = "" if weather.wind_from_deg is None else f" towards {direction(weather.wind_from_deg + 180.0)}"
    return (
        f"If it burns in forest or shrubs, its head may run at about {wind_kmh / 10.0:.1f} km/h{towards} "
        f"({RULE}; errors below 50 % in its data; not for grass; fuel moisture about {moisture:.0f} %; "
        "slope is left out)."
    )
