"""Routes of zones and of what entered and left them."""

from typing import Final

from summit_gateway.upstream.passed import Passed

ROUTES: Final[tuple[Passed, ...]] = ()
