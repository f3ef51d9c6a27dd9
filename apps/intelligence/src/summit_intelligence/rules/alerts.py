"""Alerts: one for each open incident, and one for each sensor or asset that fell silent."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace
from summit_core.model import (
    Alert,
    AlertState,
    Certainty,
    Entity,
    Evidence,
    Incident,
    Severity,
    TimelineEntry,
    Urgency,
)

from summit_intelligence.rules import evidence
from summit_intelligence.rules.incidents import BY, Sighting, is_open, short_id
from summit_intelligence.rules.severity import certainty, severity, urgency, worse
from summit_intelligence.rules.weather import Weather
from summit_intelligence.rules.wording import place

ACTIVE: Final = frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED})
MOST_SIGHTINGS: Final = 16


def id_of(incident: Incident) -> str:
    return short_id("alr", incident.id)


def of_incident(
    incident: Incident, hazard: Entity | None, weather: Weather | None, known: Alert | None, now: datetime
) -> Alert:
    """The alert that the incident deserves now; what people did to the known one stays."""
    worst, why = severity(incident.class_, incident.state, weather)
    worst = worse(worst, worse(incident.severity, known.severity if known else Severity.UNKNOWN))
    sure = certainty(incident, hazard)
    reasons = (
        *evidence.of_fix(incident, hazard),
        *evidence.of_weather(weather),
        *(piece for piece in (known.evidence if known else ()) if piece.kind in evidence.SIGHTINGS),
    )
    if weather is None and known is not None:
        reasons = (*reasons, *(piece for piece in known.evidence if piece.kind == "weather"))
    entry = TimelineEntry(at=now, what=f"Raised: {incident.title}", by=BY, causes=(incident.id,))
    return Alert(
        id=id_of(incident),
        title=f"{incident.state.value.replace('_', ' ').capitalize()}: {incident.title}",
        text=_text(incident, hazard, sure, why),
        state=known.state if known else AlertState.OPEN,
        severity=worst,
        urgency=urgency(incident.state, worst),
        certainty=sure,
        dedupe_key=f"incident:{incident.id}",
        opened_at=known.opened_at if known else now,
        updated_at=now,
        incident=incident.id,
        location=incident.location,
        evidence=reasons,
        acknowledged_by=known.acknowledged_by if known else None,
        timeline=known.timeline if known else (entry,),
        causes=(incident.id, *incident.causes[:63]),
        organisation=incident.organisation,
    )


def refreshed(known: Alert, wanted: Alert, now: datetime) -> Alert | None:
    """``wanted`` when it differs in weight from the known alert, with its timeline; None when nothing that a person
    would act on has changed. A residual that wobbles is no news; a fix that moved, an outlier, a new certainty is."""
    if _weight(known) == _weight(wanted):
        return None
    entries = [
        TimelineEntry(at=now, what=f"{name} {was.value} → {is_.value}", by=BY, causes=(wanted.incident or "",))
        for name, was, is_ in (
            ("certainty", known.certainty, wanted.certainty),
            ("severity", known.severity, wanted.severity),
            ("urgency", known.urgency, wanted.urgency),
        )
        if was is not is_
    ]
    return replace(wanted, timeline=(*known.timeline, *entries)[-100:])


def with_sighting(known: Alert, sighting: Sighting, now: datetime) -> Alert | None:
    """The alert with one more piece of evidence; None when it has that, or has enough."""
    sightings = [piece for piece in known.evidence if piece.kind in evidence.SIGHTINGS]
    if sighting.id in {piece.id for piece in sightings} or len(sightings) >= MOST_SIGHTINGS:
        return None
    return replace(known, evidence=(*known.evidence, evidence.of_sighting(sighting)), updated_at=now)


def resolved(known: Alert, why: str, by: str, now: datetime) -> Alert | None:
    """The alert after its matter ended; None when it was at its end already."""
    if known.state not in ACTIVE:
        return None
    entry = TimelineEntry(at=now, what=f"Resolved: {why}", by=by)
    return replace(
        known, state=AlertState.RESOLVED, urgency=Urgency.PAST, updated_at=now, timeline=(*known.timeline, entry)
    )


def acknowledged(known: Alert, note: str, by: str, now: datetime) -> Alert:
    what = f"Acknowledged: {note}" if note else "Acknowledged"
    entry = TimelineEntry(at=now, what=what, by=by)
    return replace(
        known,
        state=AlertState.ACKNOWLEDGED,
        acknowledged_by=by,
        updated_at=now,
        timeline=(*known.timeline, entry),
    )


def of_silence(entity: Entity, now: datetime) -> Alert:
    """One for each time that a sensor or asset falls silent: its last word is part of the id."""
    since = f"{entity.heard_at:%H:%M:%S} UTC"
    name = entity.label or entity.id
    where = f" It was last at {place(entity.location.lat, entity.location.lon)}." if entity.location else ""
    text = f"Nothing has come from {name} ({entity.id}) since {since}.{where} What it watches is not watched now."
    return Alert(
        id=short_id("alr", "silence", entity.id, entity.heard_at.isoformat()),
        title=f"{name} is silent",
        text=text,
        state=AlertState.OPEN,
        severity=Severity.MODERATE if entity.kind == "asset" else Severity.MINOR,
        urgency=Urgency.EXPECTED,
        certainty=Certainty.OBSERVED,
        dedupe_key=silence_key(entity.id),
        opened_at=now,
        updated_at=now,
        location=entity.location,
        evidence=(Evidence(id=entity.id, kind="silence", text=f"last heard at {since}"),),
        timeline=(TimelineEntry(at=now, what="Raised: silent", by=BY, causes=(entity.id,)),),
        causes=(entity.id,),
        organisation=entity.organisation,
    )


def silence_key(entity_id: str) -> str:
    return f"silence:{entity_id}"


def _text(incident: Incident, hazard: Entity | None, sure: Certainty, why: str) -> str:
    lines = [f"{incident.title}. Severity {why}."]
    if sure is Certainty.POSSIBLE:
        reason = hazard.ambiguity if hazard and hazard.ambiguity else "the bearings allow several places"
        lines.append(f"Only possible: {reason}.")
    if not is_open(incident):
        lines.append(f"The incident is {incident.state.value.replace('_', ' ')}.")
    return " ".join(lines)


def _weight(alert: Alert) -> tuple[object, ...]:
    kept = {piece.kind for piece in alert.evidence}
    bearings = {
        (piece.kind, piece.text.split(" ")[0].removesuffix("'s"))
        for piece in alert.evidence
        if piece.kind in {"bearing", "outlier"}
    }
    return alert.title, alert.severity, alert.urgency, alert.certainty, alert.location, kept, bearings
