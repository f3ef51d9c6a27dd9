"""What an alert rests on, piece by piece."""

from typing import Final

from summit_core.model import BearingEvidence, Entity, Evidence, Incident, IncidentState

from summit_intelligence.rules.incidents import Sighting, words
from summit_intelligence.rules.weather import Weather
from summit_intelligence.rules.wording import ellipse, place

SIGHTINGS: Final = frozenset({"detection", "hotspot", "report"})


def of_fix(incident: Incident, hazard: Entity | None) -> tuple[Evidence, ...]:
    """Each bearing, the outliers that were left out, the uncertainty, and why the fix is ambiguous if it is."""
    pieces: list[Evidence] = []
    if hazard is not None:
        pieces += [_bearing(bearing) for bearing in _newest(hazard)]
        if hazard.ambiguous:
            places = "; ".join(f"{place(h.lat, h.lon)} ({h.weight:.0%})" for h in hazard.hypotheses[:4])
            why = hazard.ambiguity or "several places fit the bearings"
            pieces.append(Evidence(id=hazard.id, kind="ambiguity", text=f"{why}{': ' if places else ''}{places}"))
    if incident.location is not None and incident.location.cov_m2 is not None:
        where = place(incident.location.lat, incident.location.lon)
        text = f"{where}; {ellipse(incident.location.cov_m2)}"
        by_bearings = hazard if incident.state is IncidentState.SUSPECTED else None
        pieces.append(Evidence(id=by_bearings.id if by_bearings else incident.id, kind="fix", text=text))
    return tuple(pieces)


def of_weather(weather: Weather | None) -> tuple[Evidence, ...]:
    if weather is None:
        return ()
    return (Evidence(id=weather.observation, kind="weather", text=f"{weather.station}: {weather.text}"),)


def of_sighting(sighting: Sighting) -> Evidence:
    kind = str(sighting.__struct_config__.tag)
    return Evidence(id=sighting.id or "", kind=kind, text=words(sighting))


def _newest(hazard: Entity) -> list[BearingEvidence]:
    """The last bearing of each camera: older ones of the same camera say the same."""
    last = {bearing.source: bearing for bearing in sorted(hazard.bearings, key=lambda b: b.observed_at)}
    return [last[source] for source in sorted(last)]


def _bearing(bearing: BearingEvidence) -> Evidence:
    off = None if bearing.residual_sigma is None else abs(bearing.residual_sigma)
    if bearing.used:
        fits = "" if off is None else f", {off:.1f} sigma from the fix"
        text = f"{bearing.source} sees it at {bearing.azimuth_deg:.1f}° ± {bearing.sigma_deg:.1f}°{fits}"
        return Evidence(id=bearing.observation, kind="bearing", text=text)
    why = "" if off is None else f": {off:.1f} sigma off"
    text = f"{bearing.source}'s bearing ({bearing.azimuth_deg:.1f}°) was left out{why}"
    return Evidence(id=bearing.observation, kind="outlier", text=text)
