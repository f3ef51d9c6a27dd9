"""The key that services show each other, and the person they act for."""

import hmac
from collections.abc import Mapping

from summit_core import wire
from summit_core.errors import UnauthenticatedError
from summit_core.model import Principal, Role

PRINCIPAL_HEADER = "x-summit-principal"


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of ``Authorization: Bearer …``, or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def caller(headers: Mapping[str, str], service_key: str) -> Principal:
    """Who a service-to-service request acts for; raises :class:`UnauthenticatedError` without the right key."""
    token = bearer(headers)
    if token is None or not hmac.compare_digest(token.encode(), service_key.encode()):
        raise UnauthenticatedError("this door is for services; call the gateway instead")
    stated = headers.get(PRINCIPAL_HEADER)
    if stated is None:
        return Principal(id="service", name="service", role=Role.SERVICE)
    return wire.decode(stated.encode("latin-1"), Principal)
