"""Incidents from hazards and observations: opening, following the fix, confirming. Every function returns the new
incident, or None when nothing of weight has changed."""

import hashlib
import math
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from summit_core.model import (
    Detection,
    Entity,
    Hotspot,
    Incident,
    IncidentState,
    Location,
    Report,
    Severity,
    TimelineEntry,
)

from summit_intelligence.rules.association import OPEN, apart_m, family, joint_sigma_m, sigma_m
from summit_intelligence.rules.wording import place

BY: Final = "intelligence"
LEAST_BEARINGS: Final = 2
LEAST_CONFIDENCE: Final = 0.6
CONFIRM_SLACK_M: Final = 1000.0
MOVED_SIGMAS: Final = 0.25
SHRUNK: Final = 0.8
SHORTEST_GAP: Final = timedelta(seconds=5)
MOST_CAUSES: Final = 64
MOST_BEARING_CAUSES: Final = 24
MOST_ENTRIES: Final = 200
PIXEL_M: Final = 375.0
"""Size of a VIIRS pixel at nadir, where a hotspot does not state its own."""

Sighting = Detection | Hotspot | Report


def short_id(prefix: str, *parts: str) -> str:
    """The same parts give the same id, so that a repeated cause finds what it made before."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
    return f"{prefix}-{digest}"


def title(class_: str, where: Location | None) -> str:
    name = class_.replace("_", " ").capitalize()
    return f"{name} near {place(where.lat, where.lon)}" if where else name


def is_reason(hazard: Entity) -> bool:
    """A live hazard with a place that two or more bearings agree on. Recordings make no incidents."""
    used = sum(bearing.used for bearing in hazard.bearings)
    return (
        hazard.kind == "hazard"
        and hazard.recording is None
        and hazard.location is not None
        and used >= LEAST_BEARINGS
        and hazard.freshness in {"live", "stale"}
    )


def of_hazard(hazard: Entity, now: datetime) -> Incident:
    """A new, suspected incident."""
    used = [bearing for bearing in hazard.bearings if bearing.used]
    cameras = ", ".join(sorted({bearing.source for bearing in used}))
    class_ = hazard.class_ or "hazard"
    causes = _hazard_causes(hazard)
    entry = TimelineEntry(at=now, what=f"Opened: bearings of {cameras} meet here", by=BY, causes=causes)
    return Incident(
        id=short_id("inc", hazard.id),
        title=title(class_, hazard.location),
        class_=class_,
        state=IncidentState.SUSPECTED,
        severity=Severity.MODERATE,
        opened_at=now,
        updated_at=now,
        location=hazard.location,
        ambiguous=hazard.ambiguous,
        entities=(hazard.id,),
        sources=_sources(hazard),
        timeline=(entry,),
        causes=causes,
        organisation=hazard.organisation,
    )


def follow(incident: Incident, hazard: Entity, now: datetime) -> Incident | None:
    """The incident after its hazard was estimated anew.

    It moves when the fix moved by more than a quarter of its sigma or became clearly better, at most every 5 s. Once
    somebody has seen the fire itself, only a better fix than theirs moves it.
    """
    joins = hazard.id not in incident.entities
    where, ambiguous = incident.location, incident.ambiguous
    if _may_move(incident, hazard):
        where, ambiguous = hazard.location, hazard.ambiguous
    moved = _moved(incident.location, where)
    turned = ambiguous != incident.ambiguous
    if not (joins or turned or (moved and now - incident.updated_at >= SHORTEST_GAP)):
        return None
    entries = []
    if joins:
        entries.append(TimelineEntry(at=now, what=f"{hazard.id} belongs to it", by=BY, causes=(hazard.id,)))
    if turned:
        what = f"The fix is ambiguous: {hazard.ambiguity or 'several places fit'}" if ambiguous else "The fix is clear"
        entries.append(TimelineEntry(at=now, what=what, by=BY, causes=(hazard.id,)))
    return replace(
        incident,
        title=title(incident.class_, where),
        location=where,
        ambiguous=ambiguous,
        updated_at=now,
        entities=tuple(dict.fromkeys((*incident.entities, hazard.id))),
        sources=tuple(dict.fromkeys((*incident.sources, *_sources(hazard)))),
        timeline=lengthened(incident, *entries),
        causes=_joined(incident.causes, _hazard_causes(hazard)),
    )


def where_is(sighting: Sighting) -> Location | None:
    """The place of a sighting with its uncertainty; None where it states none."""
    if sighting.lat is None or sighting.lon is None:
        return None
    if isinstance(sighting, Hotspot):
        # a point anywhere in the pixel: the variance of a uniform distribution is width**2 / 12
        along, across = (sighting.track_m or PIXEL_M) ** 2 / 12, (sighting.scan_m or PIXEL_M) ** 2 / 12
        return Location(lat=sighting.lat, lon=sighting.lon, cov_m2=((across, 0.0), (0.0, along)))
    variance = (sighting.sigma_m or (100.0 if isinstance(sighting, Detection) else 500.0)) ** 2
    return Location(lat=sighting.lat, lon=sighting.lon, cov_m2=((variance, 0.0), (0.0, variance)))


def is_strong(sighting: Sighting) -> bool:
    """A detection of fire or smoke, or a hotspot, that its source is sure enough of."""
    if sighting.recording is not None or isinstance(sighting, Report):
        return False
    if isinstance(sighting, Detection) and family(sighting.class_) != "fire":
        return False
    return sighting.confidence is None or sighting.confidence >= LEAST_CONFIDENCE


def of_sighting(sighting: Detection | Hotspot, where: Location, now: datetime) -> Incident:
    """A new, suspected incident from one strong sighting that no open incident explains."""
    class_ = sighting.class_ or "fire"
    causes = (sighting.id or "",)
    entry = TimelineEntry(at=now, what=f"Opened: {words(sighting)}", by=BY, causes=causes)
    return Incident(
        id=short_id("inc", *causes),
        title=title(class_, where),
        class_=class_,
        state=IncidentState.SUSPECTED,
        severity=Severity.MODERATE,
        opened_at=now,
        updated_at=now,
        location=where,
        sources=(sighting.source,),
        timeline=(entry,),
        causes=causes,
        organisation=sighting.organisation,
    )


def confirms(incident: Incident, sighting: Sighting, where: Location) -> bool:
    """A strong sighting within 3 sigma + 1 km, by another than the source that opened it, or made on a task."""
    if incident.state is not IncidentState.SUSPECTED or incident.location is None or not is_strong(sighting):
        return False
    own = not incident.entities and incident.sources == (sighting.source,) and not sighting.causes
    reach = 3.0 * joint_sigma_m(where, incident.location) + CONFIRM_SLACK_M
    return not own and apart_m(where, incident.location) <= reach


def confirmed(incident: Incident, sighting: Sighting, where: Location, now: datetime) -> Incident:
    """The incident after somebody saw the fire itself."""
    seen_better = incident.location is None or sigma_m(where.cov_m2) <= sigma_m(incident.location.cov_m2)
    place_, class_ = (where if seen_better else incident.location), sighting.class_ or incident.class_
    entry = TimelineEntry(at=now, what=f"Confirmed: {words(sighting)}", by=BY, causes=(sighting.id or "",))
    return replace(
        incident,
        state=IncidentState.CONFIRMED,
        class_=class_,
        title=title(class_, place_),
        location=place_,
        ambiguous=False,
        updated_at=now,
        sources=tuple(dict.fromkeys((*incident.sources, sighting.source))),
        timeline=lengthened(incident, entry),
        causes=(*incident.causes[: MOST_CAUSES - 1], sighting.id or ""),
    )


def supported(incident: Incident, sighting: Sighting, now: datetime) -> Incident | None:
    """The incident with one more piece of evidence: every report, and the first sighting of each other source."""
    known = sighting.source in incident.sources and not isinstance(sighting, Report)
    if known or len(incident.causes) >= MOST_CAUSES:
        return None
    entry = TimelineEntry(at=now, what=words(sighting), by=BY, causes=(sighting.id or "",))
    return replace(
        incident,
        updated_at=now,
        sources=tuple(dict.fromkeys((*incident.sources, sighting.source))),
        timeline=lengthened(incident, entry),
        causes=(*incident.causes, sighting.id or ""),
    )


def words(sighting: Sighting) -> str:
    """``drone-1 sees fire (confidence 0.93)``."""
    if isinstance(sighting, Report):
        return f"{sighting.source} reports: {sighting.text[:400]}"
    sure = "" if sighting.confidence is None else f" (confidence {sighting.confidence:.2f})"
    if isinstance(sighting, Hotspot):
        return f"{sighting.satellite or sighting.source} measures a hotspot{sure}"
    return f"{sighting.source} sees {sighting.class_ or 'it'}{sure}"


def lengthened(incident: Incident, *entries: TimelineEntry) -> tuple[TimelineEntry, ...]:
    """The timeline with more entries; of an over-long one the opening and the newest are kept."""
    timeline = (*incident.timeline, *entries)
    return timeline if len(timeline) <= MOST_ENTRIES else (timeline[0], *timeline[-MOST_ENTRIES + 1 :])


def is_open(incident: Incident) -> bool:
    return incident.state in OPEN


def _may_move(incident: Incident, hazard: Entity) -> bool:
    if hazard.location is None:
        return False
    if incident.location is None or incident.state is IncidentState.SUSPECTED:
        return True
    return sigma_m(hazard.location.cov_m2) < sigma_m(incident.location.cov_m2)


def _moved(old: Location | None, new: Location | None) -> bool:
    if old is None or new is None:
        return old is not new
    before, after = sigma_m(old.cov_m2), sigma_m(new.cov_m2)
    ratio = after / before if before > 0 else math.inf
    return apart_m(old, new) > MOVED_SIGMAS * before or not SHRUNK <= ratio <= 1 / SHRUNK


def _sources(hazard: Entity) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*hazard.sources, *(bearing.source for bearing in hazard.bearings))))


def _hazard_causes(hazard: Entity) -> tuple[str, ...]:
    newest = sorted(hazard.bearings, key=lambda bearing: bearing.observed_at)[-MOST_BEARING_CAUSES:]
    return tuple(dict.fromkeys((hazard.id, *(bearing.observation for bearing in newest))))


def _joined(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Bearings fill at most half of the causes, so that there is room for who saw the fire later."""
    merged = tuple(dict.fromkeys((*old, *new)))
    return merged[: max(len(old), MOST_CAUSES // 2)]
