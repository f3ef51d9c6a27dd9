"""``/v1/session``."""

from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.responses import json_response
from summit_core.model import Principal
from summit_core.security.decision import require
from summit_core.security.permissions import Permission
from summit_core.security.token import id_of

from summit_gateway.audit.action import signed_in
from summit_gateway.body import read_json
from summit_gateway.identity import principal_of
from summit_gateway.openapi import describe
from summit_gateway.services import Services
from summit_gateway.sessions.token import COOKIE, LIFETIME


class SignIn(Struct, frozen=True):
    key: str


def sessions_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["session"])

    @router.post("/v1/session", summary="Sign a browser in with a key", **describe(Principal, body=SignIn))
    async def sign_in(request: Request) -> Response:
        key = (await read_json(request, SignIn)).key.strip()
        await services.limits.sign_in(request, id_of(key) or "")
        principal = await services.keys.verify(key)
        require(principal, Permission.READ)
        signed_in(request, principal)
        response = json_response(principal, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            COOKIE,
            services.tokens.issue(principal),
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=_by_https(request),
        )
        return response

    @router.get("/v1/session", summary="Who am I?", **describe(Principal))
    async def who_am_i(request: Request) -> Response:
        return json_response(principal_of(request), headers={"Cache-Control": "no-store"})

    @router.delete("/v1/session", summary="Sign out", **describe(None, 204))
    async def sign_out(request: Request) -> Response:
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_by_https(request))
        return response

    return router


def _by_https(request: Request) -> bool:
    """A proxy in front may have ended TLS; believing it can only make the cookie stricter."""
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "")}
