"""Breaches of zones: somebody inside an exclusion zone, or out of an inclusion zone. One alert while it lasts."""

from datetime import datetime
from typing import Final

from summit_core.model import (
    Alert,
    AlertState,
    Certainty,
    Entity,
    Evidence,
    Location,
    Presence,
    Severity,
    TimelineEntry,
    Urgency,
    Zone,
)

from summit_intelligence.rules.incidents import BY, short_id
from summit_intelligence.rules.wording import place

BREACH: Final = "zone:"
"""How the dedupe key of a breach begins."""
NO_LONGER_HELD: Final = frozenset({"ended", "removed", "gone"})


def is_breach(presence: Presence, zone: Zone | None) -> bool:
    """Who falls silent stays where it was last seen: that it is silent is an alert of its own."""
    if zone is None:
        return False
    if presence.state == "inside":
        return zone.rule == "exclusion"
    return zone.rule == "inclusion" and presence.reason not in NO_LONGER_HELD


def of_breach(presence: Presence, zone: Zone, entity: Entity | None, now: datetime) -> Alert:
    """One for each time that it enters, or leaves: the moment is part of the id."""
    name = (entity.label if entity else "") or presence.entity
    out = zone.rule == "inclusion"
    since = (presence.left_at if out else presence.entered_at) or presence.at
    where = None if presence.lat is None or presence.lon is None else Location(lat=presence.lat, lon=presence.lon)
    what = f"{name} {'left' if out else 'entered'} {zone.name}"
    kind = "must stay inside" if out else "must stay outside"
    at = f" at {place(where.lat, where.lon)}" if where else ""
    because = f" (the zone {presence.reason})" if presence.reason in {"began", "changed", "moved"} else ""
    return Alert(
        id=short_id("alr", "zone", presence.id, since.isoformat()),
        title=what[:200],
        text=f"{what}{at} at {since:%H:%M:%S} UTC{because}. What the zone watches {kind}. {zone.note}".strip()[:4000],
        state=AlertState.OPEN,
        severity=Severity.MODERATE if out else Severity.SEVERE,
        urgency=Urgency.EXPECTED if out else Urgency.IMMEDIATE,
        certainty=Certainty.OBSERVED,
        dedupe_key=breach_key(presence),
        opened_at=now,
        updated_at=now,
        location=where,
        evidence=(
            Evidence(id=zone.id, kind="zone", text=f"{zone.name}: {zone.rule} zone"),
            Evidence(id=presence.id, kind="crossing", text=f"{presence.event} at {since:%H:%M:%S} UTC{because}"),
        ),
        timeline=(TimelineEntry(at=now, what=f"Raised: {what}", by=BY, causes=(presence.id,)),),
        causes=(presence.id, *presence.causes),
        organisation=presence.organisation,
    )


def why_over(presence: Presence | None) -> str:
    if presence is None or presence.reason == "gone":
        return "it has left the picture"
    if presence.reason in {"ended", "removed", "changed", "moved"}:
        return f"the zone {'was ' if presence.reason in {'removed', 'changed'} else ''}{presence.reason}"
    return "it came back" if presence.state == "inside" else "it left the zone"


def breach_key(presence: Presence) -> str:
    return f"{BREACH}{presence.id}"
