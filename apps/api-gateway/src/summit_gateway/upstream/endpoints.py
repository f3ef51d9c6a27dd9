"""Routes that another service answers: stored observations, sources, lineage, decisions by people."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Path
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from summit_core.model import Alert, AnyObservation, DeadLetter, Incident, IncidentState, SourceAccount, Task
from summit_core.model.common import Text

from summit_gateway.access import principal_of
from summit_gateway.body import SMALL_BYTES, read_bounded
from summit_gateway.openapi import describe
from summit_gateway.services import Services
from summit_gateway.upstream.service import PASSED_ON


class ObservationList(Struct, frozen=True, kw_only=True):
    items: list[AnyObservation]
    next: str | None
    seq: int


class SourceList(Struct, frozen=True, kw_only=True):
    items: list[SourceAccount]
    next: str | None
    seq: int


class DeadLetterList(Struct, frozen=True, kw_only=True):
    items: list[DeadLetter]
    next: str | None
    seq: int


class OpenLetter(DeadLetter, frozen=True, kw_only=True, omit_defaults=True):
    """``complete``: all of the input was kept. ``text``: the payload, where it is UTF-8."""

    complete: bool
    text: str | None = None


class Replayed(Struct, frozen=True):
    id: str
    subject: str
    seq: int


class Count(Struct, frozen=True):
    count: int


class LineageNode(Struct, frozen=True):
    id: str
    type: str
    title: str
    at: str | None
    source: str | None = None


class LineageEdge(Struct, frozen=True, rename={"from_": "from"}):
    from_: str
    to: str


class Lineage(Struct, frozen=True):
    id: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    truncated: bool = False


class Acknowledge(Struct, frozen=True):
    note: Text = ""


class MoveIncident(Struct, frozen=True):
    state: IncidentState
    reason: Text


class Approve(Struct, frozen=True):
    plan_hash: str
    reason: Text = ""


class Reject(Struct, frozen=True):
    plan_hash: str
    reason: Text


class Cancel(Struct, frozen=True):
    reason: Text = ""


class Passed(NamedTuple):
    """One route and who answers it."""

    service: str
    method: str
    path: str
    summary: str
    answer: Any
    body: Any = None
    parameters: tuple[str, ...] = ()
    status: int = 200


PAGE: Final = ("limit", "cursor")
# In this order: "count" must be tried before it is taken for an id.
ROUTES: Final = (
    Passed(
        *("fabric", "GET", "/v1/observations", "Stored observations, newest first", ObservationList, None),
        parameters=("source", "kind", "recording", "since", "until", *PAGE),
    ),
    Passed(
        *("fabric", "GET", "/v1/observations/count", "How many are stored", Count, None),
        parameters=("source", "recording"),
    ),
    Passed("fabric", "GET", "/v1/observations/{id}", "One stored observation", AnyObservation),
    Passed("fabric", "GET", "/v1/sources", "Loss accounting of every source", SourceList, None, PAGE),
    Passed("fabric", "GET", "/v1/sources/{id}", "Loss accounting of one source", SourceAccount),
    Passed(
        *("fabric", "GET", "/v1/dead-letters", "Refused input, with the reason", DeadLetterList, None),
        parameters=("code", "source", "door", "since", *PAGE),
    ),
    Passed("fabric", "GET", "/v1/dead-letters/{id}", "One refused input with its bytes", OpenLetter),
    Passed(
        *("fabric", "POST", "/v1/dead-letters/{id}/replay", "Send its bytes through validation again", Replayed),
        status=202,
    ),
    Passed("fabric", "DELETE", "/v1/dead-letters/{id}", "Throw a refused input away", None, status=204),
    Passed("fabric", "GET", "/v1/lineage/{id}", "From anything back to its raw observations", Lineage),
    Passed("intelligence", "POST", "/v1/alerts/{id}/ack", "Acknowledge an alert", Alert, Acknowledge),
    Passed("intelligence", "POST", "/v1/incidents/{id}/state", "Move an incident", Incident, MoveIncident),
    Passed("tasking", "POST", "/v1/tasks/{id}/approve", "Approve the plan that was seen", Task, Approve),
    Passed("tasking", "POST", "/v1/tasks/{id}/reject", "Reject a proposed task", Task, Reject),
    Passed("tasking", "POST", "/v1/tasks/{id}/cancel", "Cancel a task", Task, Cancel),
)
ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-]{1,64}$")]


def upstream_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["records and decisions"])
    for route in ROUTES:
        router.add_api_route(
            route.path,
            _endpoint(services, route),
            methods=[route.method],
            summary=route.summary,
            name=f"{route.method.lower()} {route.path}",
            **describe(route.answer, route.status, body=route.body, parameters=route.parameters),
        )
    return router


def _endpoint(services: Services, route: Passed) -> Callable[..., Awaitable[Response]]:
    async def pass_on(request: Request) -> Response:
        query = request.url.query
        answer = await services.upstreams.forward(
            route.service,
            route.method,
            request.url.path + (f"?{query}" if query else ""),
            principal=principal_of(request),
            headers={name: request.headers[name] for name in PASSED_ON if name in request.headers},
            body=await read_bounded(request, SMALL_BYTES) if route.method != "GET" else None,
        )
        return Response(answer.body, answer.status, answer.headers, media_type=answer.content_type)

    async def pass_on_one(request: Request, id: ObjectId) -> Response:
        return await pass_on(request)

    return pass_on_one if "{id}" in route.path else pass_on
