"""Routes into the past: trails, exports, bundles."""

from typing import Final

from summit_gateway.upstream.passed import Passed

ROUTES: Final[tuple[Passed, ...]] = ()
