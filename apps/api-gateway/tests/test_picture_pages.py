"""Pages that are kept: never older than the picture, never another one's, and within their memory."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response
from summit_core import wire
from summit_core.bus import Change, Picture
from summit_core.errors import UnauthenticatedError
from summit_core.ids import new_id
from summit_core.model import Entity, Location, Principal, Role, WorldEvent
from summit_core.security.decision import Scope
from summit_gateway.picture import service
from summit_gateway.picture.pages import Pages

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WEST, EAST = (-10.0, -10.0, 0.0, 10.0), (1.0, -10.0, 10.0, 10.0)
CALLERS = [
    Principal(id="1", name="all", role=Role.OPERATOR),
    Principal(id="2", name="west", role=Role.OPERATOR, areas=(WEST,)),
    Principal(id="3", name="east", role=Role.OPERATOR, areas=(EAST,)),
    Principal(id="4", name="north", role=Role.OPERATOR, organisation="north"),
]


class LivePicture(Picture):
    seq = 0

    def put(self, key: str, lon: float | None, organisation: str | None = None) -> None:
        """``lon`` None: it leaves."""
        self.seq += 1
        where = None if lon is None else Location(lat=0.0, lon=lon)
        body = Entity(id=key, kind="track", owner="t", observed_at=NOW, heard_at=NOW, updated_at=NOW, location=where)
        op: Any = "delete" if lon is None else "upsert"
        event = WorldEvent(
            id=new_id(),
            type="entities",
            key=key,
            op=op,
            source="t",
            at=NOW,
            organisation=organisation,
            body=Raw(wire.encode(body)),
        )
        self.apply(Change(self.seq, event))


class LiveServices:
    """As much of the services as a page asks for."""

    def __init__(self) -> None:
        self.mirror = LivePicture()

    def picture(self) -> LivePicture:
        return self.mirror


class ListRoute:
    path = "/v1/entities"


def asking(principal: Principal | None, query: str = "", accept_encoding: str = "") -> Request:
    headers = [(b"accept-encoding", accept_encoding.encode())]
    state = {} if principal is None else {"principal": principal}
    return Request(
        {"type": "http", "method": "GET", "path": "/v1/entities", "query_string": query.encode(), "headers": headers}
        | {"state": state, "route": ListRoute()}
    )


class Door:
    """The list as the gateway answers it."""

    def __init__(self, most_bytes: int = 10**6) -> None:
        self.services: Any = LiveServices()
        self.pages = Pages(self.services, most_bytes)
        self.made = 0

    def page(self, principal: Principal) -> service.Page:
        self.made += 1
        return service.page(self.services.mirror, Scope.of(principal), "entities", (), limit=1000, cursor=None)

    async def get(self, principal: Principal, query: str = "", accept_encoding: str = "") -> Response:
        request = asking(principal, query, accept_encoding)
        known = await self.pages.again(request)
        return known or await self.pages.first(request, "entities", lambda: self.page(principal))


def keys(response: Response) -> list[str]:
    return [one["id"] for one in json.loads(response.body)["items"]]


STEPS = st.tuples(st.sampled_from("abc"), st.sampled_from([None, -5.0, 0.5, 5.0]), st.sampled_from([None, "north"]))


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
async def test_what_is_kept_is_what_is_there_for_this_caller(steps: list[Any]) -> None:
    door = Door()
    there: dict[str, tuple[float, str | None]] = {}
    for key, lon, organisation in steps:
        door.services.mirror.put(key, lon, organisation)
        there.pop(key, None)
        if lon is not None:
            there[key] = (lon, organisation)
        for caller, (low, high) in zip(CALLERS, ((-10, 10), (-10, 0), (1, 10), (-10, 10)), strict=True):
            wanted = [name for name, (x, owner) in sorted(there.items()) if owner == caller.owner and low <= x <= high]
            for _ in range(2):
                answer = await door.get(caller)
                assert keys(answer) == wanted
                assert json.loads(answer.body)["seq"] == door.services.mirror.seq


async def test_nothing_is_made_again_until_something_changes() -> None:
    door = Door()
    for number in range(40):
        door.services.mirror.put(f"e-{number:02d}", 1.0)
    plain = await door.get(CALLERS[0])
    packed = await door.get(CALLERS[0], accept_encoding="gzip")
    again = await door.get(CALLERS[0], accept_encoding="gzip")
    assert door.made == 1
    assert gzip.decompress(bytes(packed.body)) == plain.body
    assert again.body is packed.body
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept, Accept-Encoding")
    door.services.mirror.put("e-00", 2.0)
    changed = await door.get(CALLERS[0], accept_encoding="gzip")
    assert door.made == 2
    assert json.loads(gzip.decompress(bytes(changed.body)))["items"][0]["location"]["lon"] == 2.0
    assert (await door.get(CALLERS[0], "limit=1")).body, "another question is another page"
    assert door.made == 3


async def test_the_guard_is_asked_before_what_is_kept() -> None:
    door = Door()
    door.services.mirror.put("a", 1.0)
    await door.get(CALLERS[0])
    with pytest.raises(UnauthenticatedError):
        await door.pages.again(asking(None))


async def test_another_picture_after_the_world_began_anew() -> None:
    door = Door()
    door.services.mirror.put("a", 1.0)
    assert keys(await door.get(CALLERS[0])) == ["a"]
    door.services.mirror.forget()
    door.services.mirror.seq = 0
    door.services.mirror.put("b", 1.0)
    assert keys(await door.get(CALLERS[0])) == ["b"]


async def test_memory_is_bounded_and_what_was_asked_for_last_stays() -> None:
    door = Door(most_bytes=20_000)
    for number in range(10):
        door.services.mirror.put(f"e-{number}", 1.0)
    for number in range(50):
        await door.get(CALLERS[0], f"label={number}")
        assert door.pages.bytes <= 20_000
    made = door.made
    await door.get(CALLERS[0], "label=49")
    assert door.made == made
    await door.get(CALLERS[0], "label=0")
    assert door.made == made + 1
