"""The cookies of a browser's session: scripts cannot read them, other sites cannot make it send them."""

from typing import Final

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from summit_core.errors import ForbiddenError
from summit_core.http.responses import json_response

from summit_gateway.sessions.session import ACCESS_FOR, LASTS, Begun, SignedIn, Tokens

ACCESS_COOKIE: Final = "summit_session"
REFRESH_COOKIE: Final = "summit_refresh"
NOT_KEPT: Final = {"Cache-Control": "no-store"}
REQUEST_HEADER: Final = "x-summit-request"
_PATHS: Final = {ACCESS_COOKIE: "/", REFRESH_COOKIE: "/v1/session"}


def answer(request: Request, begun: Begun, *, tokens: bool) -> Response:
    """Who signed in; the tokens in the body for a program, else in cookies."""
    if tokens:
        shown = SignedIn(**msgspec.structs.asdict(begun.principal), tokens=begun.tokens)
        return json_response(shown, headers=NOT_KEPT)
    response = json_response(begun.principal, headers=NOT_KEPT)
    give(request, response, begun.tokens)
    return response


def give(request: Request, response: Response, tokens: Tokens) -> None:
    """The refresh token travels only to where it is used."""
    for name, value, lasts in (
        (ACCESS_COOKIE, tokens.access, ACCESS_FOR),
        (REFRESH_COOKIE, tokens.refresh, LASTS),
    ):
        response.set_cookie(
            name,
            value,
            max_age=int(lasts.total_seconds()),
            path=_PATHS[name],
            httponly=True,
            samesite="strict",
            secure=_by_https(request),
        )


def take_back(request: Request, response: Response) -> None:
    for name, path in _PATHS.items():
        response.delete_cookie(name, path=path, httponly=True, samesite="strict", secure=_by_https(request))


def require_own_page(connection: HTTPConnection) -> None:
    """Raises :class:`ForbiddenError` unless a script of our own page asks: no other site can add this header."""
    if connection.headers.get(REQUEST_HEADER) != "1":
        raise ForbiddenError(f"a change by a session must carry the header {REQUEST_HEADER}: 1")


def _by_https(request: Request) -> bool:
    """A proxy in front may have ended TLS; believing it can only make the cookie stricter."""
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "")}
