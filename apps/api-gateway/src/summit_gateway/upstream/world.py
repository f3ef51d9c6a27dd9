"""Routes by which operators change the world model: own entities, overrides, merge and split."""

from typing import Final

from summit_gateway.upstream.passed import Passed

ROUTES: Final[tuple[Passed, ...]] = ()
