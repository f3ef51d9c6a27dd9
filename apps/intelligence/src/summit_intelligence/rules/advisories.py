"""The advisory of an incident: a judgement with its reasons, and what a person can do."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Advisory, Entity, Evidence, Incident, IncidentState

from summit_intelligence.rules import evidence, spread
from summit_intelligence.rules.incidents import is_open, short_id
from summit_intelligence.rules.reach import nobody_can_look
from summit_intelligence.rules.severity import severity
from summit_intelligence.rules.weather import Weather
from summit_intelligence.rules.wording import direction, ellipse, length, place

RULE: Final = "wildfire-advisory/1"
VALID_FOR: Final = timedelta(hours=1)
REWRITE_AFTER: Final = timedelta(seconds=60)
RENEW_BEFORE: Final = timedelta(minutes=10)
CREWS_NAMED: Final = 2
CREW_CLASSES: Final = frozenset({"crew", "engine"})

_HEADLINE: Final = {
    IncidentState.SUSPECTED: "Find out what it is",
    IncidentState.CONFIRMED: "Attack it and warn those down-wind",
    IncidentState.CONTAINED: "Hold the line",
    IncidentState.CONTROLLED: "Mop up and watch for flare-ups",
    IncidentState.CLOSED: "Nothing more to do",
    IncidentState.FALSE_ALARM: "Nothing to do: a false alarm",
}


def of_incident(
    incident: Incident, hazard: Entity | None, weather: Weather | None, assets: Sequence[Entity], now: datetime
) -> Advisory:
    """What to do about the incident, as of ``now``."""
    _, why = severity(incident.class_, incident.state, weather)
    ended = not is_open(incident)
    reasons = [
        Evidence(id=incident.id, kind="severity", text=f"Severity is {why}"),
        *(piece for piece in evidence.of_fix(incident, hazard) if piece.kind in {"fix", "ambiguity"}),
        *evidence.of_weather(weather),
    ]
    if not ended:
        reasons.append(Evidence(id=incident.id, kind="spread", text=spread.statement(weather)))
    if unreachable := nobody_can_look(incident, assets):
        reasons.append(unreachable)
    return Advisory(
        id=short_id("adv", incident.id),
        title=f"{_HEADLINE[incident.state]}: {incident.title}",
        text=" ".join(piece.text.rstrip(".") + "." for piece in reasons),
        made_at=now,
        rule=RULE,
        incident=incident.id,
        valid_until=now if ended else now + VALID_FOR,
        reasons=tuple(reasons),
        actions=() if ended else tuple(_actions(incident, weather, assets)),
        causes=(incident.id, *((weather.observation,) if weather else ())),
        organisation=incident.organisation,
    )


def rewritten(known: Advisory, wanted: Advisory, now: datetime) -> Advisory | None:
    """``wanted`` when it says something else: at once for a new state, place or kind of reason, else after a minute.
    An advisory about an open incident is renewed before it runs out. Weather that we forgot is no news."""
    kinds, wanted_kinds = _kinds(known), _kinds(wanted)
    forgot = wanted_kinds < kinds and kinds - wanted_kinds == {"weather"}
    if known.title != wanted.title or (kinds != wanted_kinds and not forgot):
        return wanted
    if wanted.valid_until is not None and wanted.valid_until <= now:
        return None
    if known.valid_until is not None and known.valid_until - now < RENEW_BEFORE:
        return wanted
    if forgot or now - known.made_at < REWRITE_AFTER:
        return None
    return wanted if _texts(known) != _texts(wanted) else None


def _actions(incident: Incident, weather: Weather | None, assets: Sequence[Entity]) -> list[str]:
    actions = []
    wind_from = weather.wind_from_deg if weather else None
    suspected = incident.state is IncidentState.SUSPECTED
    if suspected and wind_from is not None:
        actions.append(f"Send an asset to look; approach from up-wind, {direction(wind_from)}")
    elif suspected:
        actions.append("Send an asset to look; the wind is not known, so ask for it first")
    if wind_from is not None:
        actions.append(f"Keep people out of the down-wind side, {direction(wind_from + 180.0)}")
    if incident.location is not None:
        if incident.location.cov_m2 is not None:
            actions.append(
                f"Search around {place(incident.location.lat, incident.location.lon)}: "
                f"{ellipse(incident.location.cov_m2)}"
            )
        crews = _nearest(incident.location.lat, incident.location.lon, assets)
        if crews:
            actions.append(f"Nearest crews: {'; '.join(crews)}")
    if incident.ambiguous:
        actions.append("Ask a camera that sees the place from another side for a bearing: the fix is ambiguous")
    return actions


def _nearest(lat: float, lon: float, assets: Sequence[Entity]) -> list[str]:
    """``Crew Feather (crew-2) at 3.1 km``, nearest first; only those that are heard."""
    near = sorted(
        (distance_m(lat, lon, asset.location.lat, asset.location.lon), asset.id, asset.label)
        for asset in assets
        if asset.location is not None and asset.freshness == "live" and asset.class_ in CREW_CLASSES
    )
    return [f"{label or id_} ({id_}) at {length(metres)}" for metres, id_, label in near[:CREWS_NAMED]]


def _kinds(advisory: Advisory) -> set[str]:
    return {reason.kind for reason in advisory.reasons}


def _texts(advisory: Advisory) -> tuple[str, ...]:
    return tuple(reason.text for reason in advisory.reasons)
