"""The key that services show each other, and the person they act for."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from summit_core import wire
from summit_core.errors import UnauthenticatedError
from summit_core.model import Principal, Role
from summit_core.security.acting import act_for

PRINCIPAL_HEADER = "x-summit-principal"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """The key, and while it is rotated the one before it."""

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)

    def opens(self, token: str) -> bool:
        """Compared in constant time with each."""
        shown, known = token.encode(), (self.current, self.previous or self.current)
        return any(hmac.compare_digest(shown, key.encode()) for key in known)


Key = ServiceKey | str


def bearer(authorization: str) -> str | None:
    """The token of ``Authorization: Bearer …``, or None."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def caller(headers: Mapping[str, str], key: Key) -> Principal:
    """Who a service-to-service request acts for, and this task from now on. Raises :class:`UnauthenticatedError`
    without the right key."""
    token = bearer(headers.get("authorization", ""))
    known = ServiceKey(key) if isinstance(key, str) else key
    if token is None or not known.opens(token):
        raise UnauthenticatedError("this door is for services; call the gateway instead")
    stated = headers.get(PRINCIPAL_HEADER)
    principal = Principal(id="service", name="service", role=Role.SERVICE)
    if stated is not None:
        principal = wire.decode(stated.encode("latin-1"), Principal)
    act_for(principal)
    return principal
