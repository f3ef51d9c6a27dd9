"""``/v1/audit``, ``/v1/activity`` and ``/v1/handover``."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from summit_core.audit.brief import ActivityList, AuditList, Handover
from summit_core.clock import Clock
from summit_core.http.openapi import described
from summit_core.http.parameters import Moment
from summit_core.http.responses import json_response, raw_list
from summit_core.model import Principal
from summit_core.security import service_key
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_fabric.audit.gather import Handovers
from summit_fabric.audit.service import AuditService, activity
from summit_fabric.audit.store import AuditFilter

NDJSON: Final = "application/x-ndjson"
SHIFT: Final = timedelta(hours=8)
Words = Annotated[str | None, Query(max_length=200)]
ObjectQuery = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]
OutcomeQuery = Literal["intended", "done", "refused", "denied", "failed"] | None
Limit = Annotated[int, Query(ge=1, le=1000)]
Person = Callable[[Request, Permission], Principal]
Before = Annotated[int | None, Query(ge=1, le=2**62)]


@dataclass(frozen=True, slots=True)
class Audit:
    """What the endpoints work with."""

    service: AuditService
    handovers: Handovers
    clock: Clock


def audit_router(audit: Callable[[], Audit], key: str) -> APIRouter:
    """The audit is for administrators, of their own organisation; the other two for all who may read."""
    router = APIRouter(prefix="/v1", tags=["audit"])

    def person(request: Request, permission: Permission) -> Principal:
        principal = service_key.caller(request.headers, key)
        require(principal, permission)
        return principal

    _add_chain(router, audit, person)
    _add_told(router, audit, person)
    return router


def _add_chain(router: APIRouter, audit: Callable[[], Audit], person: Person) -> None:
    @router.get("/audit", summary="What was changed or refused, newest first", **described(AuditList))
    async def page(
        request: Request,
        since: Moment | None = None,
        until: Moment | None = None,
        principal: Words = None,
        action: Words = None,
        object: ObjectQuery = None,
        outcome: OutcomeQuery = None,
        limit: Limit = 100,
        cursor: Before = None,
    ) -> Response:
        who = person(request, Permission.ADMINISTER)
        wanted = AuditFilter(
            since=since,
            until=until,
            principal=principal,
            action=action,
            objects=None if object is None else [object],
            outcome=outcome,
        )
        lines, more = await audit().service.page(who.organisation, wanted, limit=limit, before=cursor)
        return raw_list(lines, next_cursor=None if more is None else str(more), seq=0)

    @router.get("/audit/export", summary="The whole chain with its signed head", **described(str, media=NDJSON))
    async def export(request: Request) -> Response:
        who = person(request, Permission.ADMINISTER)
        parts = audit().service.export(who.organisation)
        first = await anext(parts)  # what is wrong before the first part is still a problem document

        async def body() -> AsyncGenerator[bytes, None]:
            yield first
            async for part in parts:
                yield part

        name = f"audit-{who.organisation}-{audit().clock.now():%Y%m%dT%H%M%SZ}.ndjson"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(body(), media_type=NDJSON, headers=headers)


def _add_told(router: APIRouter, audit: Callable[[], Audit], person: Person) -> None:
    @router.get("/activity", summary="Who did what with an object, in words", **described(ActivityList))
    async def activity_of(
        request: Request, object: ObjectQuery = None, since: Moment | None = None, limit: Limit = 100
    ) -> Response:
        who = person(request, Permission.READ)
        objects = None if object is None else audit().handovers.belonging(who, object)
        wanted = AuditFilter(since=since, objects=objects, outcome="done")
        records = await audit().service.records(who.organisation, wanted, limit=limit)
        return json_response(ActivityList(items=activity(audit().handovers.seen(who, records))))

    @router.get("/handover", summary="What the next shift has to know", **described(Handover))
    async def handover(request: Request, since: Moment | None = None) -> Response:
        who = person(request, Permission.READ)
        start = audit().clock.now() - SHIFT if since is None else since
        return json_response(await audit().handovers.of(who, start))
