"""Who may call which route: one table, one guard in front of every route, and what is not in the table is refused."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from summit_core.errors import ForbiddenError, InternalError, SummitError, UnauthenticatedError
from summit_core.model import WORLD_TYPES, Principal
from summit_core.security.permissions import Permission, require
from summit_core.security.service_key import bearer

from summit_gateway.keys.service import KeyService
from summit_gateway.sessions.token import COOKIE, SessionTokens
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
    ("GET", "/v1/keys"): _P.ADMINISTER,
    ("POST", "/v1/keys"): _P.ADMINISTER,
    ("DELETE", "/v1/keys/{id}"): _P.ADMINISTER,
    ("POST", "/v1/observations"): _P.OBSERVE,
    ("GET", "/v1/tracks"): _P.READ,
    ("GET", "/v1/tracks/{id}"): _P.READ,
    ("GET", "/v1/assets"): _P.READ,
    ("GET", "/v1/assets/{id}"): _P.READ,
    ("GET", "/v1/entities/{id}/relations"): _P.READ,
    **{("GET", f"/v1/{type_}{one}"): _P.READ for type_ in WORLD_TYPES for one in ("", "/{id}")},
    ("GET", "/v1/export"): _P.READ,
    ("GET", "/v1/incidents/{id}/bundle"): _P.READ,
    ("POST", "/v1/bundles"): _P.ADMINISTER,
    ("GET", STREAM): _P.READ,
    ("WEBSOCKET", STREAM): _P.READ,
    **{(route.method, route.path): route.permission for route in ROUTES},
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_HEADER: Final = "x-summit-request"
MISSING: Final = (
    "send the key in the header Authorization: Bearer <key> (a key in the address is never read), or sign in"
)


class Guard:
    """Runs before every route, and puts the principal into ``request.state``."""

    def __init__(self, keys: KeyService, tokens: SessionTokens, origins: str = "") -> None:
        self._keys = keys
        self._tokens = tokens
        self._origins = {origin.strip() for origin in origins.split(",") if origin.strip()}

    async def admit(self, connection: HTTPConnection, access: Access | None) -> None:
        """Raises :class:`UnauthenticatedError` or :class:`ForbiddenError`."""
        if access is None:
            raise InternalError("this route has no entry in the table of access, so nobody may use it")
        if access is Door.OPEN:
            return
        principal = await self._who(connection)
        connection.state.principal = principal
        if isinstance(access, Permission):
            require(principal, access)

    async def _who(self, connection: HTTPConnection) -> Principal:
        if "authorization" in connection.headers:
            token = bearer(connection.headers)
            if token is None:
                raise UnauthenticatedError(MISSING)
            return await self._keys.verify(token)
        cookie = connection.cookies.get(COOKIE)
        if cookie is None:
            raise UnauthenticatedError(MISSING)
        session = self._tokens.read(cookie)
        principal = await self._keys.holder(session.key)
        self._refuse_other_sites(connection)
        return principal

    def _refuse_other_sites(self, connection: HTTPConnection) -> None:
        """A browser adds the cookie by itself: make sure that it was our own page that asked."""
        if connection.scope["type"] == "websocket":
            origin = connection.headers.get("origin")
            ours = origin is None or urlsplit(origin).netloc == connection.headers.get("host")
            if not ours and origin not in self._origins:
                raise ForbiddenError(f"the page at {origin} may not open this stream; name it in CORS_ORIGINS")
        elif connection.scope["method"] not in SAFE_METHODS and connection.headers.get(REQUEST_HEADER) != "1":
            raise ForbiddenError(f"a change by a session must carry the header {REQUEST_HEADER}: 1")


def access_of(connection: HTTPConnection) -> Access | None:
    """The entry of the route that was matched."""
    scope = connection.scope
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    return ACCESS.get((method, getattr(scope.get("route"), "path", "")))


def principal_of(connection: HTTPConnection) -> Principal:
    """Who is calling; only behind the guard."""
    principal = connection.state.principal
    if not isinstance(principal, Principal):
        raise InternalError("no principal on a route that needs one")
    return principal


def refusal_of(connection: HTTPConnection) -> SummitError | None:
    """Why a WebSocket may not be served; it is told after the handshake, because browsers hide a refused one."""
    refusal = getattr(connection.state, "refusal", None)
    return refusal if isinstance(refusal, SummitError) else None
