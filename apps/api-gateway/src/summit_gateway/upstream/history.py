"""Routes into the past: trails and imported bundles."""

from typing import Final

from msgspec import Struct
from summit_core.model import Trail
from summit_core.model.common import Timestamp
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import Passed


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
        others=("application/geo+json",),
    ),
    Passed("fabric", "GET", "/v1/bundles", "The imported bundles", BundleList),
    Passed("fabric", "GET", "/v1/bundles/{id}", "One imported bundle", Bundle),
    Passed(
        *("fabric", "DELETE", "/v1/bundles/{id}", "Throw an imported bundle away", None),
        permission=Permission.ADMINISTER,
        status=204,
    ),
)
