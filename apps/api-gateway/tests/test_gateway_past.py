"""Reads of the past at the gateway: what it passes on to fabric, and what it makes of the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from gateway_harness import Gateway, free_port, running
from hypothesis import given
from hypothesis import strategies as st
from summit_gateway.past.passing import as_events
from summit_gateway.settings import GatewaySettings
from waiting import eventually

NOW = "2026-08-01T05:00:00Z"


def entity(key: str, **more: Any) -> dict[str, Any]:
    base = {"id": key, "kind": "track", "owner": "fusion", "observed_at": NOW, "heard_at": NOW, "updated_at": NOW}
    return base | {"location": {"lat": 39.0, "lon": -121.0}} | more


@dataclass
class Fabric:
    """Answers for the past as fabric does; an export that never ends by itself."""

    port: int
    asked: list[str] = field(default_factory=list)
    received: bytes = b""
    open_exports: int = 0

    async def history(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if "1999" in request.query.get("as_of", ""):
            return web.json_response({"code": "gone", "detail": "too old"}, status=410)
        frames: list[dict[str, Any]] = [{"op": "snapshot", "seq": 7, "server_time": NOW}]
        for seq, key, label in ((3, "a", "Ridge one"), (7, "b", "Lake")):
            frames.append(
                {"op": "upsert", "type": "entities", "key": key, "seq": seq, "body": entity(key, label=label)}
            )
        frames.append({"op": "snapshot-end", "seq": 7, "server_time": NOW})
        return web.Response(text="\n".join(map(json.dumps, frames)), content_type="application/x-ndjson")

    async def other(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        self.received = await request.read()
        return web.json_response({"items": [], "next": None, "seq": 7}, headers={"ETag": '"7"'})

    async def export(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Disposition": "attachment"})
        await response.prepare(request)
        self.open_exports += 1
        try:
            while True:
                await response.write(b"line\r\n" * 1000)
                if "cut" in request.query and request.transport is not None:
                    request.transport.abort()
                await asyncio.sleep(0.005)
        except ConnectionError:
            return response
        finally:
            self.open_exports -= 1


@pytest.fixture
async def fabric() -> AsyncIterator[Fabric]:
    standing_in = Fabric(free_port())
    app = web.Application()
    app.router.add_get("/v1/history", standing_in.history)
    app.router.add_get("/v1/export", standing_in.export)
    app.router.add_route("*", "/{path:.*}", standing_in.other)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", standing_in.port).start()
    yield standing_in
    await runner.cleanup()


@pytest.fixture
async def gateway(settings: GatewaySettings, fabric: Fabric) -> AsyncIterator[Gateway]:
    async with running(settings.model_copy(update={"fabric_url": f"http://127.0.0.1:{fabric.port}"})) as started:
        yield started


async def test_plain_reads_are_passed_on_as_they_are(gateway: Gateway, fabric: Fabric) -> None:
    for path in (
        "tracks?as_of=7&class=drone&limit=3",
        "alerts?as_of=7&state=open",
        "incidents/i-1?bundle=b-1",
        "entities?bundle=b-1",
    ):
        status, answer = await gateway.get(f"/v1/{path}")
        assert (status, answer["seq"], fabric.asked[-1]) == (200, 7, f"/v1/history/{path}")
    assert (await gateway.get("/v1/alerts?as_of=7&colour=red"))[0] == 422
    assert (await gateway.get("/v1/entities/a/trail?every=5"))[0] == 200
    assert fabric.asked[-1] == "/v1/entities/a/trail?every=5"


async def test_rich_filters_and_maps_work_on_the_past_too(gateway: Gateway, fabric: Fabric) -> None:
    status, page = await gateway.get("/v1/entities?as_of=7&label=ridge")
    assert (status, [one["id"] for one in page["items"]], page["seq"]) == (200, ["a"], 7)
    status, drawn = await gateway.get("/v1/tracks?as_of=7&bbox=-122,38,-120,40", Accept="application/geo+json")
    assert [one["id"] for one in drawn["features"]] == ["a", "b"]
    assert fabric.asked[-1] == "/v1/history?as_of=7&types=entities"
    assert (await gateway.get("/v1/entities?as_of=1999-01-01T00:00:00Z&label=x"))[0] == 410


async def test_the_stream_of_a_moment_ends_by_itself(gateway: Gateway, fabric: Fabric) -> None:
    url = f"{gateway.url}/v1/stream"
    async with gateway.http.ws_connect(f"{url}?as_of=7", headers=gateway.headers()) as socket:
        frames = [json.loads((await socket.receive(timeout=5)).data) for _ in range(4)]
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1000
    assert [(one["op"], one.get("key"), one["seq"]) for one in frames] == [
        ("snapshot", None, 7),
        ("upsert", "a", 3),
        ("upsert", "b", 7),
        ("snapshot-end", None, 7),
    ]
    headers = gateway.headers() | {"Accept": "text/event-stream"}
    async with gateway.http.get(f"{url}?as_of=7&label=ridge*", headers=headers) as answer:
        data = [json.loads(line[6:]) for line in (await answer.text()).splitlines() if line.startswith("data: ")]
    assert [one.get("key") for one in data] == [None, "a", None]
    async with gateway.http.get(f"{url}?as_of=1999-01-01T00:00:00Z", headers=headers) as answer:
        assert answer.status == 410
    async with gateway.http.ws_connect(f"{url}?as_of=1999-01-01T00:00:00Z", headers=gateway.headers()) as socket:
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4410


@given(cuts=st.lists(st.integers(0, 40), max_size=4), ended=st.booleans())
def test_lines_become_events_however_they_are_cut(cuts: list[int], ended: bool) -> None:
    text = b'{"op":"snapshot"}\n{"op":"upsert"}\n{"op":"end"}' + (b"\n" if ended else b"")
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]

    async def pieces() -> AsyncIterator[bytes]:
        for start, end in pairwise(places):
            if start < end:  # a body has no empty pieces
                yield text[start:end]

    async def events() -> bytes:
        return b"".join([event async for event in as_events(pieces())])

    assert asyncio.run(events()) == b"".join(b"data: %b\n\n" % line for line in text.splitlines())


async def test_an_export_flows_through_and_ends_with_its_client(gateway: Gateway, fabric: Fabric) -> None:
    async with gateway.http.get(f"{gateway.url}/v1/export?format=csv", headers=gateway.headers()) as answer:
        assert (answer.content_type, answer.headers["Content-Disposition"]) == ("text/csv", "attachment")
        assert (await answer.content.readexactly(6), fabric.open_exports) == (b"line\r\n", 1)

    async def let_go() -> bool:
        return fabric.open_exports == 0

    await eventually(let_go)


async def test_what_breaks_off_behind_the_gateway_breaks_off_before_it(gateway: Gateway, fabric: Fabric) -> None:
    async with gateway.http.get(f"{gateway.url}/v1/export?cut=1", headers=gateway.headers()) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_bundle_is_taken_in_by_administrators_as_a_zip(gateway: Gateway, fabric: Fabric) -> None:
    url, headers = f"{gateway.url}/v1/bundles", gateway.headers()
    async with gateway.http.post(
        url, data=b"PK" * 100_000, headers=headers | {"Content-Type": "application/zip"}
    ) as answer:
        assert (answer.status, len(fabric.received)) == (200, 200_000)
    async with gateway.http.post(url, data=b"{}", headers=headers | {"Content-Type": "application/json"}) as answer:
        assert answer.status == 415
    viewer = {"Authorization": f"Bearer {await gateway.key('viewer')}", "Content-Type": "application/zip"}
    async with gateway.http.post(url, data=b"PK", headers=viewer) as answer:
        assert answer.status == 403
