"""``/v1/organisations``."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from summit_core.http.openapi import described
from summit_core.http.responses import json_response

from summit_gateway.body import read_json
from summit_gateway.identity import principal_of
from summit_gateway.organisations.organisation import MadeOrganisation, NewOrganisation, OrganisationList
from summit_gateway.services import Services


def organisations_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["organisations"])

    @router.get("/v1/organisations", summary="The organisations that one looks after", **described(OrganisationList))
    async def list_organisations(request: Request) -> Response:
        items = await services.organisations.list(principal_of(request))
        return json_response(OrganisationList(items=items, seq=services.mirror.seq))

    @router.post(
        "/v1/organisations",
        summary="Make an organisation; its first administrator's key is shown once",
        **described(MadeOrganisation, 201, body=NewOrganisation),
    )
    async def make_organisation(request: Request) -> Response:
        wanted = await read_json(request, NewOrganisation)
        made = await services.organisations.create(wanted, principal_of(request))
        return json_response(made, status=201, headers={"Cache-Control": "no-store"})

    return router
