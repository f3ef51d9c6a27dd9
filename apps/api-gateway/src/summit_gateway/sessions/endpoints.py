"""``/v1/session``."""

from typing import Any

from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from summit_core.errors import InputError, UnauthenticatedError
from summit_core.http.openapi import described
from summit_core.http.responses import JSON, json_response
from summit_core.model import Principal
from summit_core.security.decision import require
from summit_core.security.permissions import Permission
from summit_core.security.service_key import bearer
from summit_core.security.token import id_of

from summit_gateway.audit.action import signed_in
from summit_gateway.body import media_type, read_json
from summit_gateway.identity import principal_of
from summit_gateway.services import Services
from summit_gateway.sessions.cookies import (
    ACCESS_COOKIE,
    NOT_KEPT,
    REFRESH_COOKIE,
    answer,
    require_own_page,
    take_back,
)
from summit_gateway.sessions.session import Begun, SignedIn
from summit_gateway.users.service import Credentials, OfferedTotp
from summit_gateway.users.user import Password


class SignIn(Struct, frozen=True, kw_only=True):
    """With ``key``, or with ``user`` and ``password``. ``tokens``: a program takes them out of the answer; a browser
    gets cookies instead."""

    key: str | None = None
    user: str | None = None
    password: Password | None = None
    code: str | None = None
    new_password: Password | None = None
    tokens: bool = False


class Renew(Struct, frozen=True, kw_only=True):
    refresh: str


class OwnPassword(Struct, frozen=True, kw_only=True):
    password: Password


class Code(Struct, frozen=True, kw_only=True):
    code: str


class RecoveryCodes(Struct, frozen=True, kw_only=True):
    """Each opens the door once, in the place of a code. They are shown this once."""

    recovery_codes: tuple[str, ...]


def sessions_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["session"])

    @router.post("/v1/session", summary="Sign in", **described(SignedIn, body=SignIn))
    async def sign_in(request: Request) -> Response:
        wanted = await read_json(request, SignIn)
        begun = await _begun(services, request, wanted)
        signed_in(request, begun.principal)
        return answer(request, begun, tokens=wanted.tokens)

    @router.post(
        "/v1/session/refresh", summary="Renew the tokens", **described(SignedIn, body=Renew, body_required=False)
    )
    async def renew(request: Request) -> Response:
        if media_type(request) == JSON:
            refresh = (await read_json(request, Renew)).refresh
            return answer(request, await services.sessions.renew(refresh), tokens=True)
        require_own_page(request)
        cookie = request.cookies.get(REFRESH_COOKIE)
        if cookie is None:
            raise UnauthenticatedError("there is no session to renew; sign in")
        return answer(request, await services.sessions.renew(cookie), tokens=False)

    @router.get("/v1/session", summary="Who am I?", **described(Principal))
    async def who_am_i(request: Request) -> Response:
        return json_response(principal_of(request), headers=NOT_KEPT)

    @router.delete("/v1/session", summary="Sign out", **described(None, 204))
    async def sign_out(request: Request) -> Response:
        sent: dict[str, Any] = request.cookies
        token = bearer(request.headers.get("authorization", "")) or sent.get(ACCESS_COOKIE)
        await services.sessions.end_of(token, sent.get(REFRESH_COOKIE))
        response = Response(status_code=204)
        take_back(request, response)
        return response

    @router.post(
        "/v1/session/totp", summary="Ask for a secret of one-time codes", **described(OfferedTotp, body=OwnPassword)
    )
    async def offer_totp(request: Request) -> Response:
        password, principal = (await read_json(request, OwnPassword)).password, principal_of(request)
        await services.limits.sign_in(request, principal.name)
        return json_response(await services.users.offer_totp(principal, password), headers=NOT_KEPT)

    @router.post("/v1/session/totp/confirm", summary="Switch one-time codes on", **described(RecoveryCodes, body=Code))
    async def confirm_totp(request: Request) -> Response:
        code = (await read_json(request, Code)).code
        codes = await services.users.confirm_totp(principal_of(request), code)
        return json_response(RecoveryCodes(recovery_codes=codes), headers=NOT_KEPT)

    return router


async def _begun(services: Services, request: Request, wanted: SignIn) -> Begun:
    if wanted.key is not None:
        key = wanted.key.strip()
        await services.limits.sign_in(request, id_of(key) or "")
        principal = await services.keys.verify(key)
        require(principal, Permission.READ)
        return await services.sessions.start(principal)
    if wanted.user is None or wanted.password is None:
        raise InputError("send key, or user and password", field="password" if wanted.user else "key")
    await services.limits.sign_in(request, wanted.user.lower())
    given = Credentials(user=wanted.user, password=wanted.password, code=wanted.code, new_password=wanted.new_password)
    proven = await services.users.verify(given)
    return await services.sessions.start(proven.user.principal, user=proven.user, at=proven.at)
