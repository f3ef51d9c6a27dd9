"""Routes of zones and of what entered and left them. Zones and presences themselves are read from the picture."""

from typing import Final

from summit_core.http.openapi import list_of
from summit_core.model import Presence, Zone, ZoneDraft
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import PAGE, Passed

CROSSINGS: Final = list_of(Presence, "Crossing")
_P: Final = Permission.OPERATE
ROUTES: Final[tuple[Passed, ...]] = (
    Passed("fabric", "POST", "/v1/zones", "Draw a zone", Zone, _P, ZoneDraft, status=201, once=True),
    Passed("fabric", "PUT", "/v1/zones/{id}", "Draw a zone anew (If-Match)", Zone, _P, ZoneDraft, condition=True),
    Passed(
        "fabric",
        "PATCH",
        "/v1/zones/{id}",
        "Change a zone by a JSON merge patch (If-Match)",
        Zone,
        _P,
        ZoneDraft,
        condition=True,
    ),
    Passed("fabric", "DELETE", "/v1/zones/{id}", "Remove a zone (If-Match)", None, _P, status=204, condition=True),
    Passed(
        *("fabric", "GET", "/v1/zones/{id}/events", "Who entered and left a zone, newest first", CROSSINGS),
        parameters=PAGE,
    ),
    Passed(
        *("fabric", "GET", "/v1/entities/{id}/crossings", "Zones that an entity crossed, newest first", CROSSINGS),
        parameters=PAGE,
    ),
)
