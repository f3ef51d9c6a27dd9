"""``/v1/stream`` over the wire: snapshot, changes, resume, refusals, heartbeats, server-sent events."""

import asyncio
import json
from typing import Any

import aiohttp
from gateway_harness import Gateway, World, running
from summit_gateway.settings import GatewaySettings
from summit_gateway.stream import positions


async def _next(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return dict(await socket.receive_json(timeout=10))


async def _next_change(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    while True:
        frame = await _next(socket)
        if frame["op"] != "heartbeat":
            return frame


async def _snapshot(socket: aiohttp.ClientWebSocketResponse) -> tuple[dict[str, int], int]:
    first = await _next(socket)
    assert first["op"] == "snapshot"
    objects = {}
    while (frame := await _next(socket))["op"] == "upsert":
        objects[frame["key"]] = frame["seq"]
        assert frame["body"]["id"] == frame["key"]
    assert (frame["op"], frame["seq"]) == ("snapshot-end", first["seq"])
    return objects, frame["seq"]


def _ws(gateway: Gateway, query: str = "", key: str | None = None, **headers: str) -> Any:
    return gateway.http.ws_connect(f"{gateway.url}/v1/stream{query}", headers=gateway.headers(key) | headers)


async def test_snapshot_then_changes_then_resume(gateway: Gateway, world: World) -> None:
    versions = {key: await world.put(key) for key in ("a", "b")}
    async with _ws(gateway) as first:
        objects, seq = await _snapshot(first)
        assert (objects, seq) == (versions, versions["b"])
        changed = await world.put("a", lat=37.0)
        frame = await _next_change(first)
        assert (frame["op"], frame["seq"], frame["body"]["location"]["lat"]) == ("upsert", changed, 37.0)
        left = await world.leave("b")
        frame = await _next_change(first)
        assert frame == {"op": "leave", "type": "entities", "key": "b", "seq": left, "reason": "deleted"}
        while (beat := await _next(first))["op"] != "heartbeat":
            pass
        assert (beat["seq"], "server_time" in beat) == (left, True)
    missed = await world.put("c")
    async with _ws(gateway, f"?from={left}") as second:
        frame = await _next(second)
        assert (frame["op"], frame["key"], frame["seq"]) == ("upsert", "c", missed)
    async with _ws(gateway, "?types=alerts,tasks") as narrow:
        assert await _snapshot(narrow) == ({}, missed)


async def _close_code(gateway: Gateway, query: str = "", key: str | None = None, **headers: str) -> int | None:
    async with _ws(gateway, query, key, **headers) as socket:
        message = await socket.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.CLOSE
        return socket.close_code


async def test_refusals(gateway: Gateway, world: World) -> None:
    await world.put("a")
    device = await gateway.key("device")
    assert await _close_code(gateway, "?from=999999") == 4410
    assert await _close_code(gateway, "?types=ghosts") == 4422
    assert await _close_code(gateway, "?h3=x&label=y") == 4422
    assert await _close_code(gateway, key="smt_000000000000_" + "0" * 64) == 4401
    assert await _close_code(gateway, key=device) == 4403
    for query, status, key in (
        ("?from=999999", 410, None),
        ("?from=x", 422, None),
        ("?colour=red", 422, None),
        ("?bbox=1,2,3", 422, None),
        ("?format=binary", 422, None),
        ("", 403, device),
    ):
        answer, problem = await gateway.get(f"/v1/stream{query}", key=key, Accept="text/event-stream")
        assert (answer, problem["status"]) == (status, status)


async def test_a_session_opens_the_stream_only_for_our_own_pages(gateway: Gateway) -> None:
    async with gateway.http.post(gateway.url + "/v1/session", json={"key": gateway.admin_key}) as response:
        assert response.status == 200
    for origin, expected in ((gateway.url, "snapshot"), ("http://127.0.0.1:1", None)):
        async with gateway.http.ws_connect(gateway.url + "/v1/stream", headers={"Origin": origin}) as socket:
            message = await socket.receive(timeout=10)
            if expected:
                assert json.loads(message.data)["op"] == expected
            else:
                assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4403)


async def test_a_revoked_key_ends_its_stream(gateway: Gateway) -> None:
    key = await gateway.key("viewer")
    async with _ws(gateway, key=key) as socket:
        await _snapshot(socket)
        await gateway.http.delete(f"{gateway.url}/v1/keys/{key.split('_')[1]}", headers=gateway.headers())
        async with asyncio.timeout(10):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert socket.close_code == 4401


async def _until(socket: aiohttp.ClientWebSocketResponse, op: str) -> list[dict[str, Any]]:
    """The frames up to the first with this op, without heartbeats."""
    found = []
    while not found or found[-1]["op"] != op:
        found.append(await _next_change(socket) if op != "heartbeat" else await _next(socket))
    return found


async def test_a_filter_is_changed_while_the_stream_runs(gateway: Gateway, world: World) -> None:
    for key, lat in (("south", 36.5), ("north", 46.5), ("middle", 41.0)):
        await world.put(key, lat=lat)
    async with _ws(gateway, "?types=entities&bbox=-85,36,-84,42&fields=id,location.lat") as socket:
        assert set((await _snapshot(socket))[0]) == {"south", "middle"}
        await socket.send_json({"op": "filter", "id": 7, "filter": {"types": ["entities"], "bbox": [-85, 40, -84, 50]}})
        *changes, answer = await _until(socket, "filter")
        assert {(one["op"], one["key"], one.get("reason")) for one in changes} == {
            ("leave", "south", "filtered"),
            ("upsert", "north", None),
        }
        assert answer == {"op": "filter", "id": 7, "seq": answer["seq"]}
        for said, field in (
            ('{"op":"filter","id":"x","filter":{"bbox":[1,2,3]}}', "bbox"),
            ('{"op":"filter","id":"x","filter":{"colour":["red"]}}', "colour"),
            ('{"op":"wave","id":"x"}', "op"),
        ):
            await socket.send_str(said)
            error = (await _until(socket, "error"))[-1]
            assert (error["id"], error["field"], field in error["detail"]) == ("x", field, True)
        await socket.send_bytes(b"{")
        assert (await _until(socket, "error"))[-1]["id"] is None
        out = await world.put("north", lat=36.0)
        last = await world.put("middle", lat=41.5)
        leave, upsert = await _next_change(socket), await _next_change(socket)
        assert leave == {"op": "leave", "type": "entities", "key": "north", "seq": out, "reason": "filtered"}
        assert upsert["body"] == {"id": "middle", "location": {"lat": 41.5}}
    back = await world.put("middle", lat=36.0)
    async with _ws(gateway, f"?types=entities&bbox=-85,40,-84,50&from={last}") as socket:
        assert (await _next_change(socket))["reason"] == "filtered"
        beat = (await _until(socket, "heartbeat"))[-1]
        assert beat["seq"] == back


async def test_positions_come_in_binary(gateway: Gateway, world: World) -> None:
    await world.put("a")
    async with _ws(gateway, "?format=binary") as socket:
        upsert = (await _until(socket, "snapshot-end"))[1]
        moved = await world.put("a", lat=37.0)
        while (message := await socket.receive(timeout=10)).type is not aiohttp.WSMsgType.BINARY:
            assert json.loads(message.data)["op"] == "heartbeat"
        seq, _, (position,) = positions.read(message.data)
        assert (seq, position.handle, position.lat) == (moved, upsert["handle"], 37.0)
    async with _ws(gateway, f"?format=binary&from={moved}") as socket:
        first = await _next(socket)
        assert first == {"op": "handles", "seq": moved, "handles": {"a": upsert["handle"]}}


async def _events(response: aiohttp.ClientResponse, count: int) -> list[tuple[str | None, dict[str, Any]]]:
    found: list[tuple[str | None, dict[str, Any]]] = []
    identifier = None
    async with asyncio.timeout(10):
        async for line in response.content:
            name, _, value = line.decode().strip().partition(": ")
            if name == "id":
                identifier = value
            elif name == "data":
                found.append((identifier, json.loads(value)))
                identifier = None
                if len(found) == count:
                    break
    return found


async def test_server_sent_events(gateway: Gateway, world: World) -> None:
    seq = await world.put("a")
    url, headers = gateway.url + "/v1/stream", gateway.headers() | {"Accept": "text/event-stream"}
    async with gateway.http.get(url, headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        found = await _events(response, 4)
        assert [(identifier, frame["op"]) for identifier, frame in found] == [
            (None, "snapshot"),
            (None, "upsert"),
            (str(seq), "snapshot-end"),
            (str(seq), "heartbeat"),
        ]
    missed = await world.put("b", lat=46.0)
    left = await world.put("a", lat=46.0)
    last = headers | {"Last-Event-ID": str(seq)}
    async with gateway.http.get(url, headers=last) as response:
        assert [(i, f["key"]) for i, f in await _events(response, 1)] == [(str(missed), "b")]
    async with gateway.http.get(f"{url}?bbox=-85,36,-84,40", headers=last) as response:
        ((identifier, frame),) = await _events(response, 1)
        assert (identifier, frame["key"], frame["reason"]) == (str(left), "a", "filtered")


async def test_a_slow_client_is_brought_to_the_latest_state(gateway: Gateway, world: World) -> None:
    async with _ws(gateway) as slow:
        await _snapshot(slow)
        last = 0
        for _ in range(15):  # far more than the sockets on the way can hold while nobody reads
            last = max(await asyncio.gather(*(world.put(f"k{n % 10}", lat=30 + n / 1000) for n in range(400))))
        objects: dict[str, int] = {}
        received = skipped = 0
        while max(objects.values(), default=0) < last:
            frame = await _next_change(slow)
            if frame["op"] == "upsert":
                received += 1
                objects[frame["key"]] = frame["seq"]
            else:
                skipped += frame["count"]
        if received + skipped < 6_000:
            skipped += (await _next_change(slow))["count"]
    _, listed = await gateway.get("/v1/entities")
    assert received + skipped == 6_000
    assert skipped > 0
    assert len(objects) == 10
    assert listed["seq"] == last


async def test_a_client_goes_on_after_a_restart_of_the_gateway(settings: GatewaySettings, world: World) -> None:
    await world.put("a")
    seen = await world.put("b")
    async with running(settings) as first, _ws(first) as socket:
        assert (await _snapshot(socket))[1] == seen
    left = await world.leave("a")
    async with running(settings) as second, _ws(second, f"?from={seen}") as socket:
        frame = await _next(socket)
        assert (frame["op"], frame["key"], frame["seq"]) == ("leave", "a", left)
