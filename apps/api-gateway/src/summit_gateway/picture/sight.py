"""What of the picture there is for a caller (ADR 0020)."""

from collections.abc import Callable
from functools import cache

from summit_core.bus import Change, Picture
from summit_core.model import WORLD_TYPES
from summit_core.security.decision import Scope, Thing
from summit_core.security.places import bounds


def seen_by(scope: Scope, picture: Picture) -> Callable[[Change], bool]:
    """Whether an object of the picture exists for the caller. It is decoded only for one who has areas."""

    @cache  # of a page, nearly all are the same organisation's
    def owned(organisation: str | None) -> bool:
        return scope.holds(Thing(organisation))

    def placed(change: Change) -> bool:
        known = picture.get(change.event.type, change.event.key, WORLD_TYPES[change.event.type])
        return known is not None and scope.holds(Thing(change.event.organisation, bounds(known[0])))

    if not scope.areas:
        return lambda change: owned(change.event.organisation)
    return lambda change: owned(change.event.organisation) and placed(change)
