"""Every route that is passed on, in the order in which they are tried."""

from typing import Final

from summit_gateway.upstream import audit, decisions, history, records, registry, world, zones
from summit_gateway.upstream.passed import Passed

ROUTES: Final[tuple[Passed, ...]] = (
    *audit.ROUTES,
    *history.ROUTES,
    *zones.ROUTES,
    *registry.ROUTES,
    *records.ROUTES,
    *world.ROUTES,
    *decisions.ROUTES,
)
