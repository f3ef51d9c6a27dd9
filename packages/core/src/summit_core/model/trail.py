"""Trail: where an entity was."""

from collections.abc import Sequence

from msgspec import Struct

from summit_core.model.common import Timestamp
from summit_core.model.entity import Freshness


class TrailPoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``at`` is the source's clock, ``stored_at`` ours. ``radius_m``: semi-major axis of the 95 % error ellipse."""

    at: Timestamp
    stored_at: Timestamp
    seq: int
    lat: float
    lon: float
    freshness: Freshness
    alt_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    radius_m: float | None = None


class Trail(Struct, frozen=True, kw_only=True):
    """``every_s``: at most one point in each so many seconds; 0: every version."""

    id: str
    since: Timestamp
    until: Timestamp
    every_s: float
    points: Sequence[TrailPoint]
