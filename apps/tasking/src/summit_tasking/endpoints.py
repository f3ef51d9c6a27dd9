"""What people decide about tasks. Reading is the gateway's, from its own mirror."""

from typing import Annotated

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.responses import Response
from summit_core import wire
from summit_core.http.openapi import described
from summit_core.http.responses import json_response
from summit_core.model import Decision, Task
from summit_core.security.service_key import Key, caller

from summit_tasking.service import Tasking
from summit_tasking.store import Store

PlanHash = Annotated[str, Meta(min_length=1, max_length=200)]
Reason = Annotated[str, Meta(min_length=1, max_length=1000)]


class Approve(Struct, frozen=True):
    plan_hash: PlanHash
    reason: Annotated[str, Meta(max_length=1000)] = ""


class Reject(Struct, frozen=True):
    plan_hash: PlanHash
    reason: Reason


class Cancel(Struct, frozen=True):
    reason: Reason


def build_router(service_key: Key) -> APIRouter:
    router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

    @router.post("/{key}/approve", summary="Approve the plan that was seen", **described(Task, body=Approve))
    async def approve(key: str, request: Request) -> Response:
        person = caller(request.headers, service_key)
        body = wire.decode_body(await request.body(), Approve)
        task = await _service(request).decide(key, Decision.APPROVE, body.plan_hash, body.reason, person)
        return _versioned(request, task)

    @router.post("/{key}/reject", summary="Reject the plan that was seen", **described(Task, body=Reject))
    async def reject(key: str, request: Request) -> Response:
        person = caller(request.headers, service_key)
        body = wire.decode_body(await request.body(), Reject)
        task = await _service(request).decide(key, Decision.REJECT, body.plan_hash, body.reason, person)
        return _versioned(request, task)

    @router.post("/{key}/cancel", summary="Call a task off before its end", **described(Task, body=Cancel))
    async def cancel(key: str, request: Request) -> Response:
        person = caller(request.headers, service_key)
        body = wire.decode_body(await request.body(), Cancel)
        return _versioned(request, await _service(request).cancel(key, body.reason, person))

    return router


def _service(request: Request) -> Tasking:
    service: Tasking = request.app.state.service
    return service


def _versioned(request: Request, task: Task) -> Response:
    store: Store = request.app.state.store
    return json_response(task, headers={"ETag": f'"{store.version("tasks", task.id)}"'})
