"""Routes into the past: trails and imported bundles."""

from typing import Final

from msgspec import Struct
from summit_core.model.common import Timestamp
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import Passed


class Point(Struct, frozen=True, kw_only=True):
    """``at`` is the source's clock, ``stored_at`` ours. ``radius_m``: semi-major axis of the 95 % error ellipse."""

    at: Timestamp
    stored_at: Timestamp
    seq: int
    lat: float
    lon: float
    freshness: str
    alt_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    radius_m: float | None = None


class Trail(Struct, frozen=True, kw_only=True):
    id: str
    since: Timestamp
    until: Timestamp
    every_s: float
    points: list[Point]


class Part(Struct, frozen=True, kw_only=True):
    name: str
    count: int
    bytes: int
    sha256: str


class Bundle(Struct, frozen=True, kw_only=True):
    """A bundle that was imported; ``since`` to ``until`` is the time of which it tells."""

    id: str
    incident: str
    title: str
    since: Timestamp
    until: Timestamp
    imported_at: Timestamp
    imported_by: str
    parts: list[Part]


class BundleList(Struct, frozen=True, kw_only=True):
    items: list[Bundle]
    next: str | None


ROUTES: Final[tuple[Passed, ...]] = (
    Passed(
        *("fabric", "GET", "/v1/entities/{id}/trail", "Where an entity was", Trail),
        parameters=("since", "until", "every", "limit", "bundle"),
    ),
    Passed("fabric", "GET", "/v1/bundles", "The imported bundles", BundleList),
    Passed("fabric", "GET", "/v1/bundles/{id}", "One imported bundle", Bundle),
    Passed(
        *("fabric", "DELETE", "/v1/bundles/{id}", "Throw an imported bundle away", None),
        permission=Permission.ADMINISTER,
        status=204,
    ),
)
