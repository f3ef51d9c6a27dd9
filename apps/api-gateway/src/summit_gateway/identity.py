"""Who calls: found out once for each request, before anything that counts, limits or records by caller."""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope
from summit_core.errors import ForbiddenError, InternalError, SummitError, UnauthenticatedError
from summit_core.model import Principal
from summit_core.security.decision import Scope
from summit_core.security.service_key import bearer

from summit_gateway.keys.service import KeyService
from summit_gateway.sessions.token import COOKIE, SessionTokens

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_HEADER: Final = "x-summit-request"
PRINCIPAL: Final = "principal"
REFUSAL: Final = "refusal"
MISSING: Final = (
    "send the key in the header Authorization: Bearer <key> (a key in the address is never read), or sign in"
)


class Identity:
    """Reads the credential of a request: a key, or the cookie of a session."""

    def __init__(self, keys: KeyService, tokens: SessionTokens, origins: str = "") -> None:
        self._keys = keys
        self._tokens = tokens
        self._origins = {origin.strip() for origin in origins.split(",") if origin.strip()}

    async def of(self, connection: HTTPConnection) -> Principal | None:
        """The caller, or None without a credential; raises :class:`UnauthenticatedError` for a wrong one."""
        if "authorization" in connection.headers:
            token = bearer(connection.headers)
            if token is None:
                raise UnauthenticatedError(MISSING)
            return await self._keys.verify(token)
        cookie = connection.cookies.get(COOKIE)
        if cookie is None:
            return None
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


class IdentityMiddleware:
    """Puts the caller, or why the credential is no good, into the state of the request; refuses nothing itself, because
    a route that is open to everybody has no need of it. ``services.identity`` is there once the app has started."""

    def __init__(self, app: ASGIApp, *, services: "HasIdentity") -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            state = scope.setdefault("state", {})
            try:
                state[PRINCIPAL] = await self._services.identity.of(HTTPConnection(scope))
            except SummitError as error:
                state[REFUSAL] = error
        await self._app(scope, receive, send)


class HasIdentity:
    identity: Identity


def admitted(connection: HTTPConnection) -> Principal:
    """The caller of a route that is not open; raises why he cannot be let in."""
    refusal = refusal_of(connection)
    if refusal is not None:
        raise refusal
    principal = connection.scope["state"].get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise UnauthenticatedError(MISSING)
    return principal


def principal_of(connection: HTTPConnection) -> Principal:
    """Who is calling; only behind the guard."""
    principal = connection.scope["state"].get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise InternalError("no principal on a route that needs one")
    return principal


def scope_of(connection: HTTPConnection) -> Scope:
    """What there is for the caller; only behind the guard."""
    return Scope.of(principal_of(connection))


def refusal_of(connection: HTTPConnection) -> SummitError | None:
    """Why the caller is refused. A WebSocket is told after the handshake, because browsers hide a refused one."""
    refusal = connection.scope["state"].get(REFUSAL)
    return refusal if isinstance(refusal, SummitError) else None
