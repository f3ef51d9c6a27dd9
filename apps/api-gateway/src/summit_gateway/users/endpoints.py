"""``/v1/users``."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.openapi import described
from summit_core.http.responses import json_response

from summit_gateway.body import read_json
from summit_gateway.identity import principal_of
from summit_gateway.services import Services
from summit_gateway.users.user import NewUser, User, UserList, UserPatch

UserId = Annotated[str, Path(pattern="^user-[0-9a-f]{12}$")]


def users_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["users"])

    @router.get("/v1/users", summary="The people who may sign in", **described(UserList))
    async def list_users(request: Request) -> Response:
        users = await services.users.list(principal_of(request))
        return json_response(UserList(items=users, seq=services.mirror.seq))

    @router.post(
        "/v1/users", summary="Add somebody; he changes the password first", **described(User, 201, body=NewUser)
    )
    async def make_user(request: Request) -> Response:
        wanted = await read_json(request, NewUser)
        return json_response(await services.users.create(wanted, principal_of(request)), status=201)

    @router.patch("/v1/users/{id}", summary="Change somebody", **described(User, body=UserPatch))
    async def change_user(request: Request, id: UserId) -> Response:
        patch = await read_json(request, UserPatch)
        user = await services.users.change(id, patch, principal_of(request))
        await services.sessions.refresh()  # what ends, ends here at once; other processes follow
        return json_response(user)

    @router.delete("/v1/users/{id}", summary="Remove somebody; his sessions end", **described(None, 204))
    async def remove_user(request: Request, id: UserId) -> Response:
        await services.users.delete(id, principal_of(request))
        await services.sessions.refresh()
        return Response(status_code=204)

    return router
