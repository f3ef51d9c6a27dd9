"""Who calls: found out once for each request, before anything that counts, limits or records by caller."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope
from summit_core.clock import Clock
from summit_core.errors import ForbiddenError, InternalError, SummitError, UnauthenticatedError
from summit_core.model import Principal
from summit_core.security.decision import Scope, sight
from summit_core.security.service_key import bearer
from summit_core.security.token import PREFIX as KEY

from summit_gateway.keys.service import KeyService
from summit_gateway.oidc.service import OidcService
from summit_gateway.sessions.cookies import ACCESS_COOKIE, require_own_page
from summit_gateway.sessions.service import SessionService
from summit_gateway.sessions.token import ACCESS

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PRINCIPAL: Final = "principal"
MAY_STAY: Final = "may_stay"
BEGAN: Final = "began"
REFUSAL: Final = "refusal"
MISSING: Final = (
    "send the key in the header Authorization: Bearer <key> (a key in the address is never read), or sign in"
)


class Caller(NamedTuple):
    """Who calls, and whether he still may: a stream outlives the moment at which he was let in. ``began``: when he, a
    user, proved by himself who he is."""

    principal: Principal
    may_stay: Callable[[], bool]
    began: datetime | None = None


class Identity:
    """Reads the credential of a request: a key, the token of a session, or one of the issuer that we trust."""

    def __init__(
        self, keys: KeyService, sessions: SessionService, oidc: OidcService | None, clock: Clock, origins: str = ""
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._oidc = oidc
        self._clock = clock
        self._origins = {origin.strip() for origin in origins.split(",") if origin.strip()}

    async def of(self, scope: AsgiScope) -> Caller | None:
        """The caller, or None without a credential; raises :class:`UnauthenticatedError` for a wrong one."""
        for name, said in scope["headers"]:
            if name == b"authorization":
                token = bearer(said.decode("latin-1"))
                if token is None:
                    raise UnauthenticatedError(MISSING)
                return await self._by_token(token)
        connection = HTTPConnection(scope)
        cookie = connection.cookies.get(ACCESS_COOKIE)
        if cookie is None:
            return None
        caller = await self._by_session(cookie)
        self._refuse_other_sites(connection)
        return caller

    async def _by_token(self, token: str) -> Caller:
        """The beginning of a token says what it is; each kind is judged by its own rules only."""
        if token.startswith(ACCESS):
            return await self._by_session(token)
        if self._oidc is not None and not token.startswith(KEY):
            principal, until = await self._oidc.verify(token)
            return Caller(principal, lambda: self._clock.now() < until)
        principal = await self._keys.verify(token)
        return Caller(principal, lambda: self._keys.is_good(principal.id))

    async def _by_session(self, token: str) -> Caller:
        session, principal = await self._sessions.verify(token)
        return Caller(principal, lambda: self._sessions.is_good(session, principal), self._sessions.began(session))

    def _refuse_other_sites(self, connection: HTTPConnection) -> None:
        """A browser adds the cookie by itself: make sure that it was our own page that asked."""
        if connection.scope["type"] == "websocket":
            origin = connection.headers.get("origin")
            ours = origin is None or urlsplit(origin).netloc == connection.headers.get("host")
            if not ours and origin not in self._origins:
                raise ForbiddenError(f"the page at {origin} may not open this stream; name it in CORS_ORIGINS")
        elif connection.scope["method"] not in SAFE_METHODS:
            require_own_page(connection)


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
                caller = await self._services.identity.of(scope)
                if caller is not None:
                    state[PRINCIPAL], state[MAY_STAY], state[BEGAN] = caller
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


def may_stay_of(connection: HTTPConnection) -> Callable[[], bool]:
    """Whether the caller's credential still holds, whenever that is asked; only behind the guard."""
    found: Callable[[], bool] = connection.scope["state"][MAY_STAY]
    return found


def began_of(connection: HTTPConnection) -> datetime | None:
    """When the caller signed in; None for who came with a key or a token of others. Only behind the guard."""
    found: datetime | None = connection.scope["state"][BEGAN]
    return found


def scope_of(connection: HTTPConnection) -> Scope:
    """What there is to see for the caller; only behind the guard."""
    return sight(principal_of(connection))


def refusal_of(connection: HTTPConnection) -> SummitError | None:
    """Why the caller is refused. A WebSocket is told after the handshake, because browsers hide a refused one."""
    refusal = connection.scope["state"].get(REFUSAL)
    return refusal if isinstance(refusal, SummitError) else None
