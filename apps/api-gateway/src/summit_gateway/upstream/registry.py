"""Routes of the registry: sources, nodes, assets and their credentials."""

from typing import Final

from summit_gateway.upstream.passed import Passed

ROUTES: Final[tuple[Passed, ...]] = ()
