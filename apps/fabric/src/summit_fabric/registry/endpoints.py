"""``/v1/registrations``: changes only; the gateway reads from the live picture."""

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core import wire
from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.model import Issued, NewRegistration, Principal, Registration, RegistrationChange, Revoke, Rotate
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_fabric.condition import Condition, required
from summit_fabric.registry.service import RegistryService

KeyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
SECRET: Final = {"Cache-Control": "no-store"}
T = TypeVar("T")


def registry_router(service: Callable[[], RegistryService], key: service_key.Key) -> APIRouter:
    """Every route asks for the service key, and for an administrator behind the call."""
    router = APIRouter(prefix="/v1/registrations", tags=["registry"])

    async def administrator(request: Request) -> Principal:
        principal = service_key.caller(request.headers, key)
        require(principal, Permission.ADMINISTER)
        return principal

    Administrator = Annotated[Principal, Depends(administrator)]  # noqa: N806 (a type that closes over the key)

    @router.post(
        "",
        summary="Register a source, node or asset; its credential is shown once",
        **described(Issued, 201, body=NewRegistration),
    )
    async def register(request: Request, who: Administrator) -> Response:
        issued, version = await service().register(await _body(request, NewRegistration), who)
        return _answer(issued, version, status=201)

    @router.patch(
        "/{id}", summary="Change a registration", **described(Registration, body=RegistrationChange, condition=True)
    )
    async def change(request: Request, id: KeyPath, who: Administrator) -> Response:
        wanted = await _body(request, RegistrationChange)
        return _answer(*await service().change(id, wanted, _condition(request), who))

    @router.delete(
        "/{id}", summary="Take a registration out; its credentials end", **described(None, 204, condition=True)
    )
    async def remove(request: Request, id: KeyPath, who: Administrator) -> Response:
        await service().remove(id, _condition(request), who)
        return Response(status_code=204)

    @router.post(
        "/{id}/rotate",
        summary="Issue a new credential; the old ones hold a while longer",
        **described(Issued, 201, body=Rotate, body_required=False),
    )
    async def rotate(request: Request, id: KeyPath, who: Administrator) -> Response:
        issued, version = await service().rotate(id, await _body(request, Rotate), who)
        return _answer(issued, version, status=201)

    @router.post(
        "/{id}/revoke",
        summary="End one credential, or all; who uses it is disconnected",
        **described(Registration, body=Revoke, body_required=False),
    )
    async def revoke(request: Request, id: KeyPath, who: Administrator) -> Response:
        return _answer(*await service().revoke(id, await _body(request, Revoke), who))

    return router


async def _body(request: Request, type_: type[T]) -> T:
    return wire.decode_body(await request.body() or b"{}", type_)


def _condition(request: Request) -> Condition:
    return required(Condition.parse(request.headers.get("if-match")))


def _answer(body: Issued | Registration, version: int, *, status: int = 200) -> Response:
    return json_response(body, status=status, headers=SECRET | {"ETag": f'"{version}"'})
