"""What the generated calls found, one line each, so that it stays mended without them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from summit_core.errors import InputError
from summit_core.http.app import create_app
from summit_core.http.openapi import described
from summit_core.http.parameters import Moment
from summit_core.http.responses import json_response
from summit_core.observability.health import HealthMonitor
from summit_fabric.deadlines import DEADLINES as FABRIC
from summit_fabric.history.past import read_as_of
from summit_gateway.deadlines import DEADLINES as GATEWAY

Ask = Callable[..., Awaitable[Any]]
OWN = {("GET", "/v1/stream"), ("POST", "/v1/observations")}
"""Routes that the gateway answers itself."""


@pytest.mark.parametrize(("query", "field"), [("a=1&name=x%00y", "name"), ("%00=1", "query"), ("since=%00", "since")])
async def test_nul_in_a_query_is_refused_by_name(asgi: Ask, query: str, field: str) -> None:
    """It was a 500: PostgreSQL takes no NUL."""
    router = APIRouter()

    @router.get("/v1/things", **described(None))
    async def things() -> Response:
        return json_response({})

    app = create_app(
        "asked",
        title="Asked",
        health=HealthMonitor(),
        routers=[router],
        lifespan=router.lifespan_context,
        cors_origins="",
    )
    answer = await asgi(app, "GET", f"/v1/things?{query}")
    assert (answer.status, answer.json()["field"]) == (422, field)
    assert (await asgi(app, "GET", "/v1/things?name=x%2500")).status == 200, "a per cent sign and two digits are a text"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"])
def test_a_time_at_the_end_of_the_calendar_is_no_parameter(text: str) -> None:
    """It was a 500: there is no such time in UTC, or none a day later."""
    with pytest.raises(ValidationError, match="1900 to 9998"):
        TypeAdapter(Moment).validate_python(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_nothing_is_known_as_of_the_end_of_the_calendar(text: str) -> None:
    """It was a 500: the moments around it are looked at as well."""
    with pytest.raises(InputError) as refused:
        read_as_of(text)
    assert refused.value.field == "as_of"


def test_a_time_elsewhere_is_told_in_utc() -> None:
    assert TypeAdapter(Moment).validate_python("2026-08-01T02:00:00+02:00").isoformat() == "2026-08-01T00:00:00+00:00"


def test_what_the_gateway_does_not_hurry_fabric_does_not_either() -> None:
    """It was a 504: fabric ended a bundle that took more than 5 s to pack, which no caller had asked for."""
    unhurried = {route for route, limit in GATEWAY.items() if limit is None} - OWN
    assert unhurried
    assert unhurried <= {route for route, limit in FABRIC.items() if limit is None}
