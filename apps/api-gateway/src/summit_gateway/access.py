"""Who may call which route: one table, one guard in front of every route, and what is not in the table is refused."""

from enum import StrEnum
from typing import Final

from starlette.requests import HTTPConnection
from summit_core.errors import InternalError
from summit_core.model import WORLD_TYPES
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_gateway.identity import admitted
from summit_gateway.upstream.routes import ROUTES


class Door(StrEnum):
    """Doors that ask for no particular permission."""

    OPEN = "open"
    SIGNED_IN = "signed in"


Access = Door | Permission
_P, _D = Permission, Door
STREAM: Final = "/v1/stream"
ACCESS: Final[dict[tuple[str, str], Access]] = {
    ("GET", "/livez"): _D.OPEN,
    ("GET", "/readyz"): _D.OPEN,
    ("GET", "/health"): _D.OPEN,
    ("GET", "/metrics"): _D.OPEN,
    ("GET", "/console-config.json"): _D.OPEN,
    ("POST", "/v1/session"): _D.OPEN,
    ("DELETE", "/v1/session"): _D.OPEN,
    ("GET", "/v1/session"): _D.SIGNED_IN,
    ("POST", "/v1/session/refresh"): _D.OPEN,
    ("POST", "/v1/session/totp"): _D.SIGNED_IN,
    ("POST", "/v1/session/totp/confirm"): _D.SIGNED_IN,
    ("GET", "/v1/session/passkey"): _D.OPEN,
    ("POST", "/v1/session/passkey"): _D.OPEN,
    ("GET", "/v1/passkeys"): _D.SIGNED_IN,
    ("GET", "/v1/passkeys/options"): _D.SIGNED_IN,
    ("POST", "/v1/passkeys"): _D.SIGNED_IN,
    ("PATCH", "/v1/passkeys/{id}"): _D.SIGNED_IN,
    ("DELETE", "/v1/passkeys/{id}"): _D.SIGNED_IN,
    ("GET", "/v1/users"): _P.ADMINISTER,
    ("POST", "/v1/users"): _P.ADMINISTER,
    ("PATCH", "/v1/users/{id}"): _P.ADMINISTER,
    ("DELETE", "/v1/users/{id}"): _P.ADMINISTER,
    ("GET", "/v1/keys"): _P.ADMINISTER,
    ("POST", "/v1/keys"): _P.ADMINISTER,
    ("DELETE", "/v1/keys/{id}"): _P.ADMINISTER,
    ("POST", "/v1/keys/{id}/rotate"): _P.ADMINISTER,
    ("GET", "/v1/organisations"): _P.ADMINISTER,
    ("POST", "/v1/organisations"): _P.ORGANISE,
    ("POST", "/v1/observations"): _P.OBSERVE,
    ("GET", "/v1/tracks"): _P.READ,
    ("GET", "/v1/tracks/{id}"): _P.READ,
    ("GET", "/v1/assets"): _P.READ,
    ("GET", "/v1/assets/{id}"): _P.READ,
    ("GET", "/v1/entities/{id}/relations"): _P.READ,
    **{("GET", f"/v1/{type_}{one}"): _P.READ for type_ in WORLD_TYPES for one in ("", "/{id}")},
    ("GET", "/v1/export"): _P.READ,
    ("GET", "/v1/incidents/{id}/bundle"): _P.READ,
    ("GET", "/v1/audit/export"): _P.ADMINISTER,
    ("POST", "/v1/bundles"): _P.ADMINISTER,
    ("GET", STREAM): _P.READ,
    ("WEBSOCKET", STREAM): _P.READ,
    **{(route.method, route.path): route.permission for route in ROUTES},
}


def admit(connection: HTTPConnection, access: Access | None) -> None:
    """Runs before every route. Raises :class:`UnauthenticatedError` or :class:`ForbiddenError`."""
    if access is None:
        raise InternalError("this route has no entry in the table of access, so nobody may use it")
    if access is Door.OPEN:
        return
    principal = admitted(connection)
    if isinstance(access, Permission):
        require(principal, access)


def access_of(connection: HTTPConnection) -> Access | None:
    """The entry of the route that was matched."""
    scope = connection.scope
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    return ACCESS.get((method, getattr(scope.get("route"), "path", "")))
