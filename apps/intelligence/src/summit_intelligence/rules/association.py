"""Which open incident a new piece of information belongs to."""

import math
from collections.abc import Iterable, Set
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Incident, IncidentState, Location, Matrix2

RULE: Final = "association/1"
LEAST_GATE_M: Final = 2000.0
"""Two fires nearer than this are run as one incident (the merge distance that Pyronear's platform uses)."""
SIGMAS: Final = 3.0
UNKNOWN_SIGMA_M: Final = 500.0

_FIRE: Final = frozenset({"fire", "smoke", "flame", "wildfire", "hotspot"})
OPEN: Final = frozenset(
    {IncidentState.SUSPECTED, IncidentState.CONFIRMED, IncidentState.CONTAINED, IncidentState.CONTROLLED}
)
ENDED: Final = frozenset(IncidentState) - OPEN


def family(class_: str | None) -> str:
    """Fire and smoke are one matter; every other class is its own."""
    return "fire" if class_ in _FIRE else class_ or "unknown"


def sigma_m(cov_m2: Matrix2 | None) -> float:
    """One standard deviation along the worst direction, metres."""
    if cov_m2 is None:
        return UNKNOWN_SIGMA_M
    (ee, en), (_, nn) = cov_m2
    return math.sqrt(max(0.0, (ee + nn) / 2.0 + math.hypot((ee - nn) / 2.0, en)))


def apart_m(one: Location, other: Location) -> float:
    return distance_m(one.lat, one.lon, other.lat, other.lon)


def joint_sigma_m(one: Location, other: Location) -> float:
    """Of the difference of two independent positions, metres."""
    return math.hypot(sigma_m(one.cov_m2), sigma_m(other.cov_m2))


def match(
    class_: str | None, where: Location, incidents: Iterable[Incident], states: Set[IncidentState] = OPEN
) -> Incident | None:
    """The nearest incident in one of ``states`` and of the same family within max(2 km, 3 sigma), or None."""
    near = [
        (distance, incident.id, incident)
        for incident in incidents
        if incident.state in states
        and family(incident.class_) == family(class_)
        and incident.location is not None
        and (distance := apart_m(where, incident.location))
        <= max(LEAST_GATE_M, SIGMAS * joint_sigma_m(where, incident.location))
    ]
    return min(near)[2] if near else None
