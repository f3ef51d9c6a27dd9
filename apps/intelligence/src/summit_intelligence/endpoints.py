"""What people do to incidents and alerts. Reading is the gateway's, from its own mirror."""

from typing import Annotated

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.responses import Response
from summit_core import wire
from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.model import Alert, Incident, IncidentState
from summit_core.security.service_key import Key, caller

from summit_intelligence.service import Intelligence
from summit_intelligence.store import OwnType, Store


class Acknowledgement(Struct, frozen=True):
    note: Annotated[str, Meta(max_length=1000)] = ""


class Move(Struct, frozen=True):
    state: IncidentState
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


def build_router(service_key: Key) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operations"])

    @router.post(
        "/alerts/{key}/ack",
        summary="Acknowledge an alert",
        **described(Alert, body=Acknowledgement, body_required=False),
    )
    async def acknowledge(key: str, request: Request) -> Response:
        person = caller(request.headers, service_key)
        body = wire.decode_body(await request.body() or b"{}", Acknowledgement)
        alert = await _service(request).acknowledge(key, body.note, person)
        return _versioned(request, "alerts", alert.id, alert)

    @router.post(
        "/incidents/{key}/state", summary="Move an incident to another state", **described(Incident, body=Move)
    )
    async def move(key: str, request: Request) -> Response:
        person = caller(request.headers, service_key)
        body = wire.decode_body(await request.body(), Move)
        incident = await _service(request).move(key, body.state, body.reason, person)
        return _versioned(request, "incidents", incident.id, incident)

    return router


def _service(request: Request) -> Intelligence:
    service: Intelligence = request.app.state.service
    return service


def _versioned(request: Request, type_: OwnType, key: str, body: object) -> Response:
    store: Store = request.app.state.store
    return json_response(body, headers={"ETag": f'"{store.version(type_, key)}"'})
