"""What people do to the world model. Reading is the gateway's, from its own mirror."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response
from summit_core import wire
from summit_core.bus import Change
from summit_core.http.openapi import described
from summit_core.http.responses import JSON
from summit_core.model import Entity, EntityDraft, MergeInto, Principal, Split
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_fabric.condition import Condition, required
from summit_fabric.world.edits import patch_of
from summit_fabric.world.service import WorldService

KeyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
FieldPath = Annotated[str, Path(pattern=r"^[a-z_]{1,40}$")]
Why = Annotated[str, Query(max_length=1000)]


def world_router(service: Callable[[], WorldService], key: service_key.Key) -> APIRouter:
    """Every route asks for the service key, and for the permission of the person behind the call."""

    async def operator(request: Request) -> Principal:
        principal = service_key.caller(request.headers, key)
        require(principal, Permission.OPERATE)
        return principal

    router = APIRouter(prefix="/v1/entities", tags=["world"])
    _add_changes(router, service, operator)
    _add_merges(router, service, operator)
    return router


def _add_changes(
    router: APIRouter, service: Callable[[], WorldService], operator: Callable[[Request], Awaitable[Principal]]
) -> None:
    @router.post("", summary="Make an entity that no device reports", **described(Entity, 201, body=EntityDraft))
    async def create(request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        draft = wire.decode_body(await request.body(), EntityDraft)
        made = await service().create(draft, who, request.headers.get("idempotency-key"))
        return _answer(made, status=201, location=f"/v1/entities/{made.event.key}")

    @router.patch(
        "/{id}",
        summary="Change an entity, or override what automatics say of it",
        **described(Entity, body=dict[str, Any], condition=True),
    )
    async def change(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        patch = patch_of(await request.body())
        return _answer(await service().change(id, patch, required(_condition(request)), who))

    @router.delete("/{id}", summary="Take out an entity that people made", **described(None, 204, condition=True))
    async def take_out(
        id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)], reason: Why = ""
    ) -> Response:
        await service().take_out(id, reason, required(_condition(request)), who)
        return Response(status_code=204)

    @router.delete(
        "/{id}/overrides/{field}", summary="Give a field back to the automatic", **described(Entity, condition=True)
    )
    async def take_back(
        id: KeyPath, field: FieldPath, request: Request, who: Annotated[Principal, Depends(operator)], reason: Why = ""
    ) -> Response:
        return _answer(await service().take_back(id, field, reason, required(_condition(request)), who))


def _add_merges(
    router: APIRouter, service: Callable[[], WorldService], operator: Callable[[Request], Awaitable[Principal]]
) -> None:
    @router.post(
        "/{id}/merge",
        summary="Declare an entity to be another one; answers that one",
        **described(Entity, body=MergeInto),
    )
    async def merge(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        body = wire.decode_body(await request.body(), MergeInto)
        return _answer(await service().merge(id, body.into, body.reason, _condition(request), who))

    @router.post(
        "/{id}/split",
        summary="Take a merge back; answers the entity that is there again",
        **described(Entity, body=Split, body_required=False),
    )
    async def split(id: KeyPath, request: Request, who: Annotated[Principal, Depends(operator)]) -> Response:
        body = wire.decode_body(await request.body() or b"{}", Split)
        return _answer(await service().split(id, body.reason, _condition(request), who))


def _condition(request: Request) -> Condition | None:
    return Condition.parse(request.headers.get("if-match"))


def _answer(change: Change, *, status: int = 200, location: str | None = None) -> Response:
    """The entity as it is now shown, with its version."""
    headers = {"ETag": f'"{change.seq}"', "Content-Location": f"/v1/entities/{change.event.key}"}
    if location is not None:
        headers["Location"] = location
    return Response(bytes(change.event.body), status, headers, media_type=JSON)
