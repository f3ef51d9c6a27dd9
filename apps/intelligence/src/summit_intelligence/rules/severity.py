"""CAP 1.2 severity, certainty and urgency of an incident, each by a stated rule."""

from typing import Final

from summit_core.model import Certainty, Entity, Incident, IncidentState, Severity, Urgency

from summit_intelligence.rules.association import family
from summit_intelligence.rules.weather import Weather

RULE: Final = "severity/1"
WINDY_MPS: Final = 6.7
"""15 mph sustained: the common criterion of red flag warnings of the United States National Weather Service."""
DRY_PCT: Final = 25.0
"""Relative humidity; same source. Local criteria differ (25 mph and 15 % in western Colorado)."""

_ORDER: Final = (Severity.UNKNOWN, Severity.MINOR, Severity.MODERATE, Severity.SEVERE, Severity.EXTREME)
_ENDED: Final = frozenset({IncidentState.CLOSED, IncidentState.FALSE_ALARM, IncidentState.CONTROLLED})


def severity(class_: str, state: IncidentState, weather: Weather | None) -> tuple[Severity, str]:
    """The severity and the reason, in words.

    A fire or smoke is moderate; severe in wind of 6.7 m/s or more at 25 % humidity or less; extreme when confirmed in
    such weather. Without weather it is moderate.
    """
    if family(class_) != "fire":
        return Severity.MODERATE, f"{class_}: moderate until a person says otherwise"
    if weather is None or weather.wind_mps is None or weather.humidity_pct is None:
        return Severity.MODERATE, "moderate: fire or smoke, wind or humidity not known"
    if weather.wind_mps < WINDY_MPS or weather.humidity_pct > DRY_PCT:
        return Severity.MODERATE, "moderate: fire or smoke without red flag weather"
    worst = Severity.EXTREME if state is not IncidentState.SUSPECTED else Severity.SEVERE
    limits = f"wind at least {WINDY_MPS} m/s and humidity at most {DRY_PCT:.0f} %"
    return worst, f"{worst.value}: {state.value} fire or smoke in red flag weather ({limits})"


def worse(one: Severity, other: Severity) -> Severity:
    """Weather may raise a severity; only a person lowers it, so a lull does not calm an alert down and up again."""
    return max(one, other, key=_ORDER.index)


def certainty(incident: Incident, hazard: Entity | None) -> Certainty:
    """Seen by camera drone, crew or satellite: observed. Bearings that agree: likely. An ambiguous fix: possible."""
    if incident.state is IncidentState.FALSE_ALARM:
        return Certainty.UNLIKELY
    if incident.state is not IncidentState.SUSPECTED:
        return Certainty.OBSERVED
    doubtful = incident.ambiguous or (hazard is not None and (hazard.existence or 1.0) < 0.5)
    return Certainty.POSSIBLE if doubtful else Certainty.LIKELY


def urgency(state: IncidentState, severity: Severity) -> Urgency:
    """What burns, or may burn in red flag weather, is for now; what has ended is past."""
    if state in _ENDED:
        return Urgency.PAST
    bad = severity in {Severity.SEVERE, Severity.EXTREME}
    return Urgency.IMMEDIATE if bad or state is IncidentState.CONFIRMED else Urgency.EXPECTED
