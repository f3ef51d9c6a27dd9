"""What of the picture there is for a caller (ADR 0020)."""

from summit_core.bus import Change, Picture
from summit_core.model import WORLD_TYPES
from summit_core.security.decision import Scope, Thing
from summit_core.security.places import bounds


def in_sight(scope: Scope, picture: Picture, change: Change) -> bool:
    """Whether an object of the picture exists for the caller. It is decoded only for one who has areas."""
    if not scope.holds(Thing(change.event.organisation)):
        return False
    if not scope.areas:
        return True
    known = picture.get(change.event.type, change.event.key, WORLD_TYPES[change.event.type])
    return known is not None and scope.holds(Thing(change.event.organisation, bounds(known[0])))
