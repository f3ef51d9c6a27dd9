"""``/v1/keys``."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.openapi import described
from summit_core.http.responses import json_response

from summit_gateway.body import read_json
from summit_gateway.identity import principal_of
from summit_gateway.keys.key import IssuedKey, KeyList, NewKey, Rotation
from summit_gateway.services import Services

KeyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]


def keys_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["keys"])

    @router.get("/v1/keys", summary="The API keys, without their secrets", **described(KeyList))
    async def list_keys(request: Request) -> Response:
        return json_response(KeyList(items=await services.keys.list(principal_of(request)), seq=services.mirror.seq))

    @router.post("/v1/keys", summary="Make a key; it is shown once", **described(IssuedKey, 201, body=NewKey))
    async def make_key(request: Request) -> Response:
        wanted = await read_json(request, NewKey)
        issued = await services.keys.create(wanted, principal_of(request))
        return json_response(issued, status=201, headers={"Cache-Control": "no-store"})

    @router.post("/v1/keys/{id}/rotate", summary="Another key in its place", **described(IssuedKey, 201, body=Rotation))
    async def rotate_key(request: Request, id: KeyId) -> Response:
        rotation = await read_json(request, Rotation)
        issued = await services.keys.rotate(id, rotation, principal_of(request))
        return json_response(issued, status=201, headers={"Cache-Control": "no-store"})

    @router.delete("/v1/keys/{id}", summary="Revoke a key", **described(None, 204))
    async def revoke_key(request: Request, id: KeyId) -> Response:
        await services.keys.revoke(id, principal_of(request))
        return Response(status_code=204)

    return router
