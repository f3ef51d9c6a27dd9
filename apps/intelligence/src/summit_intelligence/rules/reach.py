"""Whether anybody can go and look: said aloud when nobody can, because then no task will be proposed."""

from collections.abc import Sequence
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Entity, Evidence, Incident, IncidentState

from summit_intelligence.rules.wording import length

CAPABILITY: Final = "investigate"
RESERVE: Final = 0.2
"""Part of the endurance that must be left on return; the reserve that tasking plans with."""


def nobody_can_look(incident: Incident, assets: Sequence[Entity]) -> Evidence | None:
    """Why no asset can be sent to a suspected incident, or None when one can (or when there is no place to go to)."""
    if incident.state is not IncidentState.SUSPECTED or incident.location is None:
        return None
    able = [asset for asset in assets if CAPABILITY in asset.capabilities and asset.freshness == "live"]
    if not able:
        return _said(incident, "no asset that can look is heard: call one in")
    lat, lon = incident.location.lat, incident.location.lon
    away = [(distance_m(lat, lon, a.location.lat, a.location.lon), a) for a in able if a.location is not None]
    if not away or any(metres <= _radius_m(asset) for metres, asset in away):
        return None
    metres, nearest = min(away, key=lambda pair: pair[0])
    return _said(
        incident,
        f"none that can look would come home from there; the nearest is {nearest.label or nearest.id} "
        f"at {length(metres)}: call another in",
    )


def _radius_m(asset: Entity) -> float:
    """How far it can go and return; without figures, as far as it takes."""
    health = asset.health
    if health is None or health.endurance_s is None or health.cruise_mps is None:
        return float("inf")
    return (1.0 - RESERVE) * health.endurance_s * health.cruise_mps / 2.0


def _said(incident: Incident, why: str) -> Evidence:
    return Evidence(id=incident.id, kind="asset", text=f"Nobody is proposed to go: {why}")
