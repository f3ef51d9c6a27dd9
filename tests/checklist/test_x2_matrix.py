"""X2: every route and every stream of the running gateway x every role x two organisations, asked for real and compared
with what is declared. What nobody has declared, and what lets in more or fewer than declared, is red."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, get_args

import aiohttp
import msgspec
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from gateway_harness import Gateway, World, running
from starlette.routing import Mount
from summit_core import wire
from summit_core.http.limits.quota import Quota
from summit_core.ids import new_id
from summit_core.model import WORLD_TYPES, Principal, Role, WorldEvent, WorldType
from summit_core.security.decision import Thing, decide
from summit_gateway import access
from summit_gateway.access import ACCESS, STREAM, Access, Door
from summit_gateway.identity import MISSING
from summit_gateway.limits.settings import Limits
from summit_gateway.settings import GatewaySettings
from summit_gateway.stream.request import Ask
from waiting import eventually

_QUOTAS = (name for name, one in Limits.model_fields.items() if isinstance(one.default, Quota))
UNLIMITED: Final = Limits(**{name: Quota(10**6, 60) for name in _QUOTAS})
DECLARED: Final = dict(ACCESS)
FILES: Final = "/openapi.json"
HERE: Final = (-85.0, 36.0, -84.0, 37.0)
AT_ONCE: Final = 16
PATIENCE_S: Final = 8.0
WAYS: Final = ("WebSocket", "SSE")
Route = tuple[str, str]


@dataclass(frozen=True)
class Caller:
    """``who`` is None for one without a credential."""

    who: Principal | None
    key: str = ""

    def __str__(self) -> str:
        return "anonymous" if self.who is None else f"{self.who.role} of {self.who.organisation}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def may(self, declared: Access, thing: Thing | None = None) -> bool:
        if declared is Door.OPEN:
            return True
        if self.who is None or isinstance(declared, Door):
            return self.who is not None
        return decide(self.who, declared, thing).allowed


@dataclass
class Tried:
    """The gateway, everybody who calls, and what there is for them to see."""

    gateway: Gateway
    callers: list[Caller] = field(default_factory=list)
    things: dict[str, tuple[WorldType, Thing]] = field(default_factory=dict)

    def seen_by(self, caller: Caller, type_: WorldType) -> set[str]:
        """What a stream of a type shows, as is declared for the list of it. A correction shows as its entity."""
        shown = {key: thing for key, (of, thing) in self.things.items() if of == type_ != "overrides"}
        return {key for key, thing in shown.items() if caller.may(DECLARED["GET", f"/v1/{type_}"], thing)}


@asynccontextmanager
async def tried(settings: GatewaySettings) -> AsyncIterator[Tried]:
    async with running(settings.model_copy(update={"limits": UNLIMITED})) as gateway:
        both = Tried(gateway, [Caller(None)])
        assert (await gateway.post("/v1/organisations", {"id": "north", "name": "North"}))[0] == 201
        for organisation in ("default", "north"):
            for role in Role:
                wanted = {"name": role, "role": role, "organisation": organisation}
                both.callers.append(await _caller(gateway, wanted))
        wanted = {"name": "local", "role": Role.VIEWER, "organisation": "default", "areas": [HERE]}
        both.callers.append(await _caller(gateway, wanted))
        yield both


async def _caller(gateway: Gateway, wanted: dict[str, Any]) -> Caller:
    status, made = await gateway.post("/v1/keys", wanted)
    assert status == 201, made
    return Caller(msgspec.convert({**wanted, "id": made["id"]}, Principal), made["key"])


async def fill(both: Tried, world: World) -> None:
    """An object of each type of each organisation, and one elsewhere; waits until the gateway knows them."""
    wanted = [(type_, owner, 36.5) for type_ in WORLD_TYPES for owner in (None, "north")]
    wanted.append(("entities", None, 10.0))
    for number, (type_, owner, lat) in enumerate(wanted):
        key, at = f"x2-{number}", datetime.now(UTC)
        place = {"lat": lat, "lon": -84.5} if type_ == "entities" else None
        facts = {"kind": "asset", "owner": "t", "location": place} | dict.fromkeys(
            ("observed_at", "heard_at", "updated_at"), at
        )
        body = {"id": key, "organisation": owner} | (facts if place else {})
        if type_ == "overrides":
            body = {"id": "nobody", "updated_at": at, "organisation": owner}
        event = WorldEvent(
            id=new_id(), type=type_, key=key, op="upsert", source="t", at=at, organisation=owner, body=_raw(body)
        )
        seq = await world.bus.publish(f"world.{type_}.{key}", wire.encode(event))
        corner = (-84.5, lat, -84.5, lat) if place else None
        both.things[key] = (type_, Thing(owner, corner))

    async def known() -> bool:
        return bool(both.gateway.app.state.services.mirror.seq >= seq)

    await eventually(known)


def _raw(body: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(wire.encode(body))


# --- routes


def routes_of(gateway: Gateway) -> set[Route]:
    """From the router, which is what answers; the document may say no more than it."""
    found = {
        (method, str(context.path))
        for context in iter_route_contexts(gateway.app.routes)
        if not isinstance(context.original_route, Mount) and context.path != FILES
        for method in (context.methods or {"WEBSOCKET"}) - {"HEAD"}
    }
    described = {(method.upper(), path) for path, item in gateway.app.openapi()["paths"].items() for method in item}
    assert described <= found, described - found
    return found


def undeclared(gateway: Gateway) -> list[str]:
    """Routes that nobody has decided on, and decisions on what is no route."""
    return sorted(" ".join(route) for route in routes_of(gateway) ^ set(DECLARED))


async def wrong_routes(both: Tried, routes: Iterable[Route]) -> list[str]:
    """Answers that differ from what is declared."""
    turns, wrong = asyncio.Semaphore(AT_ONCE), []

    async def ask(route: Route, caller: Caller) -> None:
        try:
            async with turns, asyncio.timeout(PATIENCE_S):
                admitted = await _is_admitted(both.gateway, route, caller)
        except TimeoutError:
            wrong.append(f"{' '.join(route)}: {caller} waits for ever")
            return
        if admitted is not caller.may(DECLARED.get(route, Door.OPEN)):
            wrong.append(f"{' '.join(route)}: {caller} is {'let in' if admitted else 'refused'}")

    await asyncio.gather(*(ask(route, caller) for route in routes for caller in both.callers))
    return sorted(wrong)


async def _is_admitted(gateway: Gateway, route: Route, caller: Caller) -> bool:
    """Whether a request gets past the door. Behind it another refusal may wait, in other words than the door's."""
    method, path = route
    url = gateway.url + re.sub(r"{\w+}", "0123456789ab", path)
    if method == "WEBSOCKET":
        async with gateway.http.ws_connect(url, headers=caller.headers) as socket:
            message = await socket.receive(timeout=10)
            return message.type is aiohttp.WSMsgType.TEXT or socket.close_code not in {4401, 4403}
    async with gateway.http.request(method, url, headers=caller.headers) as response:
        if response.status not in {401, 403}:
            response.close()  # a stream goes on for ever
            return response.status != 500
        detail = (await response.json(content_type=None))["detail"]
        return detail != MISSING and not re.match(
            "the role .* may not|only the organisation|this credential has", detail
        )


# --- streams


async def wrong_streams(both: Tried) -> tuple[int, list[str]]:
    """How many kinds of stream were opened by everybody, and what they showed otherwise than declared."""
    streams = [(way, asked, type_) for way in WAYS for asked in ("types", "id") for type_ in WORLD_TYPES]
    streams += [("WebSocket", "frame", type_) for type_ in WORLD_TYPES]
    turns, wrong = asyncio.Semaphore(AT_ONCE), []

    async def look(way: str, asked: str, type_: WorldType, caller: Caller) -> None:
        keys = [key for key, (of, _) in both.things.items() if of == type_]
        said = {"types": [type_]} if asked != "id" else {"id": keys}
        async with turns, asyncio.timeout(PATIENCE_S):
            found = await _shown(both.gateway, way, said, caller, by_frame=asked == "frame")
        expected = both.seen_by(caller, type_) if caller.may(DECLARED["GET", STREAM]) else None
        if found != expected:
            wrong.append(f"{way} {asked} {type_}: {caller} sees {found}, not {expected}")

    await asyncio.gather(*(look(*stream, caller) for stream in streams for caller in both.callers))
    return len(streams), sorted(wrong)


async def _shown(
    gateway: Gateway, way: str, said: dict[str, list[str]], caller: Caller, *, by_frame: bool
) -> set[str] | None:
    """The keys that a stream shows until it has said all; None where it does not open."""
    query = {} if by_frame else {name: ",".join(values) for name, values in said.items()}
    url, seen = gateway.url + STREAM, set[str]()
    if way == "SSE":
        async with gateway.http.get(url, params=query, headers=caller.headers) as response:
            if response.status != 200:
                return None
            async for line in response.content:
                if line.startswith(b"data: ") and not _take(line[6:], seen, "snapshot-end"):
                    response.close()
                    return seen
    async with gateway.http.ws_connect(url, params=query, headers=caller.headers) as socket:
        if by_frame:
            await socket.send_json({"op": "filter", "id": 1, "filter": said})
        async for message in socket:
            if not _take(message.data, seen, "filter" if by_frame else "snapshot-end"):
                return seen
    return None


def _take(data: bytes | str, seen: set[str], last: str) -> bool:
    """Note what a frame says; False when it was the last."""
    frame = json.loads(data)
    if frame["op"] in {"upsert", "move"}:
        seen.add(frame["key"])
    elif frame["op"] == "leave":
        seen.discard(frame["key"])
    return bool(frame["op"] != last)


# --- the checks


async def test_every_route_and_stream_for_every_role(
    settings: GatewaySettings, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with tried(settings) as both:
        routes = routes_of(both.gateway)
        assert undeclared(both.gateway) == []
        assert {f"/v1/{type_}" for type_ in WORLD_TYPES} <= {path for method, path in DECLARED if method == "GET"}
        assert get_args(Ask.__annotations__["op"]) == ("filter",), "another frame of a client is not tried here"
        assert await wrong_routes(both, routes) == []
        await fill(both, world)
        streams, wrong = await wrong_streams(both)
        assert wrong == []
    assert len(routes) > 80
    with capsys.disabled():
        roles = len({caller.who.role if caller.who else None for caller in both.callers})
        print(f"\n{len(routes)} routes, {streams} streams, {roles} roles, two organisations: 100 %")


async def test_the_checks_are_red(settings: GatewaySettings, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that nobody declared, two that let in too many, a stream that shows too much."""
    keys, alerts = ("GET", "/v1/keys"), ("POST", "/v1/alerts/{id}/ack")
    async with tried(settings) as both:
        assert await wrong_routes(both, [keys, alerts]) == []
        monkeypatch.setitem(access.ACCESS, keys, DECLARED["GET", STREAM])
        monkeypatch.setitem(access.ACCESS, alerts, Door.SIGNED_IN)
        wrong = await wrong_routes(both, [keys, alerts])
        assert "GET /v1/keys: viewer of north is let in" in wrong
        assert "POST /v1/alerts/{id}/ack: device of default is let in" in wrong
        await fill(both, world)
        monkeypatch.setattr("summit_gateway.stream.view.View._passes", lambda *_: True)
        assert any("x2-1" in told for told in (await wrong_streams(both))[1])
        planted = APIRoute("/v1/planted", _planted, methods=["GET"])
        both.gateway.app.router.routes.insert(0, planted)
        assert undeclared(both.gateway) == ["GET /v1/planted"]


async def _planted() -> str:
    return "open"
