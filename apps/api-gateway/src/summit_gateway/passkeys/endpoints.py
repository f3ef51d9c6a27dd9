"""``/v1/passkeys`` of whoever is signed in, and ``/v1/session/passkey``, which signs in."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.openapi import described
from summit_core.http.responses import json_response

from summit_gateway.audit.action import signed_in
from summit_gateway.body import read_json
from summit_gateway.identity import began_of, principal_of
from summit_gateway.passkeys.passkey import NewPasskey, Passkey, PasskeyList, PasskeyPatch, PasskeySignIn
from summit_gateway.services import Services
from summit_gateway.sessions.cookies import NOT_KEPT, answer
from summit_gateway.sessions.session import SignedIn

PasskeyId = Annotated[str, Path(pattern="^passkey-[0-9a-f]{12}$")]


def passkeys_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["passkeys"])
    _own(router, services)

    @router.get("/v1/session/passkey", summary="What a browser is to show", **described(dict[str, Any]))
    async def ask() -> Response:
        return json_response(services.passkeys.sign_in(), headers=NOT_KEPT)

    @router.post("/v1/session/passkey", summary="Sign in with a passkey", **described(SignedIn, body=PasskeySignIn))
    async def sign_in(request: Request) -> Response:
        wanted = await read_json(request, PasskeySignIn)
        await services.limits.sign_in(request, f"passkey {wanted.credential.id}")
        stored, count = await services.passkeys.verify(wanted.credential)
        user = stored.owner.user
        signed_in(request, user.principal)  # what is refused from here on is refused to somebody known
        await services.passkeys.use(stored, count)
        begun = await services.sessions.start(user.principal, user=user, at=stored.owner.read_at)
        return answer(request, begun, tokens=wanted.tokens)

    return router


def _own(router: APIRouter, services: Services) -> None:
    @router.get("/v1/passkeys", summary="My passkeys", **described(PasskeyList))
    async def list_passkeys(request: Request) -> Response:
        items = await services.passkeys.list(principal_of(request))
        return json_response(PasskeyList(items=items, seq=services.mirror.seq))

    @router.get(
        "/v1/passkeys/options", summary="What a browser is to make", **described(dict[str, Any], also={409: None})
    )
    async def offer(request: Request) -> Response:
        options = await services.passkeys.registration(principal_of(request), began_of(request))
        return json_response(options, headers=NOT_KEPT)

    @router.post(
        "/v1/passkeys", summary="Add a passkey, shortly after signing in", **described(Passkey, 201, body=NewPasskey)
    )
    async def add(request: Request) -> Response:
        wanted, principal = await read_json(request, NewPasskey), principal_of(request)
        await services.limits.sign_in(request, f"passkey {principal.id}")
        made = await services.passkeys.register(wanted, principal, began_of(request))
        return json_response(made, status=201)

    @router.patch("/v1/passkeys/{id}", summary="Call it something else", **described(Passkey, body=PasskeyPatch))
    async def rename(request: Request, id: PasskeyId) -> Response:
        name = (await read_json(request, PasskeyPatch)).name
        return json_response(await services.passkeys.rename(id, name, principal_of(request)))

    @router.delete("/v1/passkeys/{id}", summary="Remove it", **described(None, 204))
    async def remove(request: Request, id: PasskeyId) -> Response:
        await services.passkeys.remove(id, principal_of(request))
        return Response(status_code=204)
