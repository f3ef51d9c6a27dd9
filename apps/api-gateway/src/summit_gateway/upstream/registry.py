"""Routes of the registry: sources, nodes, assets and their credentials. They are read from the live picture."""

from typing import Final

from summit_core.model import Issued, NewRegistration, Registration, RegistrationChange, Revoke, Rotate
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import Passed

_MAY: Final = Permission.ADMINISTER
_ONE: Final = "/v1/registrations/{id}"

ROUTES: Final[tuple[Passed, ...]] = (
    Passed(
        *("fabric", "POST", "/v1/registrations", "Register; the credential is shown once", Issued),
        permission=_MAY,
        body=NewRegistration,
        status=201,
    ),
    Passed(
        "fabric",
        "PATCH",
        _ONE,
        "Change a registration (If-Match)",
        Registration,
        _MAY,
        RegistrationChange,
        condition=True,
    ),
    Passed("fabric", "DELETE", _ONE, "Take a registration out (If-Match)", None, _MAY, status=204, condition=True),
    Passed(
        *("fabric", "POST", f"{_ONE}/rotate", "Issue a new credential; the old ones hold a while longer", Issued),
        permission=_MAY,
        body=Rotate,
        status=201,
    ),
    Passed("fabric", "POST", f"{_ONE}/revoke", "End one credential, or all", Registration, _MAY, Revoke),
)
