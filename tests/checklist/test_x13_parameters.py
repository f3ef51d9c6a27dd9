"""X13: no path, address or query of a client reaches the system unchecked, and every limit has bounds."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
from gateway_harness import Gateway
from summit_core.http.limits.bounds import Bounds, BoundsMiddleware
from summit_gateway.body import MAX_DEPTH, SMALL_BYTES

LISTS = ("/v1/alerts", "/v1/entities", "/v1/tracks", "/v1/zones", "/v1/registrations")
WRONG = {
    "limit": ["-1", "0", "1000000", "1e3", "NaN", "inf", "9" * 500, "", "1;DROP", "١٢"],
    "cursor": ["../../etc/passwd", "' OR 1=1 --", "\x00", "x" * 5_000, "{}", "%2e%2e", "e-1", ""],
}
BOXES = ["NaN,0,1,1", "inf,0,1,1", "1,2,3", "a,b,c,d", "0,0,0,91", "1e400,0,0,0", "0,0,0," + "9" * 400]
PATHS = [
    *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd", "%00", "a" * 65),
    *("'%20OR%201", "..%5c..%5cwindows", "%c0%ae%c0%ae/etc/passwd", "file:///etc/passwd", "-1", "{id}"),
]
SECRET = "root:"


async def asked(gateway: Gateway, path: str, **more: Any) -> tuple[int, str]:
    from_wire = aiohttp.client.URL(gateway.url + path, encoded=True)  # as it is: a client library would tidy it up
    async with gateway.http.get(from_wire, headers=gateway.headers(), **more) as response:
        return response.status, await response.text()


def unnamed(status: int, text: str, field: str) -> str:
    """How an answer is not a refusal that names the field; empty when it is."""
    if status not in {400, 404, 422}:
        return f"{status} for {field}"
    return "" if f'"field":"{field}"' in text else f"{field} is not named: {text}"


def attempts() -> Iterator[tuple[str, str]]:
    for path in LISTS:
        for field, values in WRONG.items():
            yield from ((f"{path}?{field}={quote(value)}", field) for value in values)
    yield from ((f"/v1/entities?bbox={quote(box)}", "bbox") for box in BOXES)
    yield "/v1/alerts?banana=1", "banana"
    yield "/v1/stream?from=-1", "from"
    yield "/v1/stream?types=passwords", "types"


@pytest.mark.planted("a limit within its bounds, which the check must not take for a refusal")
async def test_every_parameter_out_of_bounds_is_refused_by_name(gateway: Gateway) -> None:
    found = [(path, why) for path, field in attempts() if (why := unnamed(*await asked(gateway, path), field))]
    assert found == []
    assert unnamed(*await asked(gateway, "/v1/alerts?limit=5"), "limit"), "the check takes a good answer for a refusal"


def leads_out(status: int, text: str) -> bool:
    return status not in {200, 304, 307, 400, 404, 405, 422} or SECRET in text or "Traceback" in text


async def test_no_path_leads_out_of_the_files(gateway: Gateway) -> None:
    tried = [root + path for path in PATHS for root in ("/", "/_next/static/", "/v1/entities/", "/v1/alerts/")]
    assert [path for path in tried if leads_out(*await asked(gateway, path))] == []


@pytest.mark.planted("a server that opens whatever path it is given: {path: /etc/passwd} answered with its lines")
async def test_a_server_that_opens_any_path_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(f"{SECRET}x:0:0\n")
    (tmp_path / "files" / "deep").mkdir(parents=True)
    found = []
    for path in PATHS:
        opened = tmp_path / "files" / "deep" / unquote(path, errors="replace").replace("\0", "")
        text = opened.read_text() if opened.is_file() else ""
        found += [path] if leads_out(200 if text else 404, text) else []
    assert found[:3] == ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd"]


async def test_bodies_are_bounded_in_size_and_depth(gateway: Gateway, upstream: Any) -> None:
    deep = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    for path in ("/v1/zones", "/v1/keys", "/v1/alerts/a-1/ack"):
        status, problem = await gateway.post(path, b'{"note":' + deep + b"}")
        assert (status, problem["field"]) == (400, "body"), problem
        large = b'{"note":"' + b"x" * SMALL_BYTES + b'"}'
        status, problem = await gateway.post(path, large, Connection="close")  # the server reads no more of it
        assert (status, problem["code"]) == (413, "too_large")
    asked_before = len(upstream.asked)
    assert (await gateway.post("/v1/zones", b'{"note":"' + b"[" * 500 + b'"}'))[0] == 200, "text is no structure"
    assert len(upstream.asked) == asked_before + 1


async def test_addresses_and_headers_are_bounded(gateway: Gateway) -> None:
    status, text = await asked(gateway, "/v1/entities?label=" + "x" * 9_000)
    assert (status, '"field":"url"' in text) == (414, True)
    many = {f"X-Many-{number}": "x" for number in range(150)}
    async with gateway.http.get(gateway.url + "/v1/entities", headers=gateway.headers() | many) as response:
        assert response.status == 431
    async with gateway.http.get(gateway.url + "/livez", headers={"X-Long": "x" * 40_000}) as response:
        assert response.status == 431


async def test_a_frame_that_is_too_long_ends_the_stream(gateway: Gateway) -> None:
    async with gateway.http.ws_connect(gateway.url + "/v1/stream", headers=gateway.headers()) as socket:
        await socket.send_str("x" * (64 * 1024 + 1))
        async with asyncio.timeout(10.0):
            while (await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                pass
        assert socket.close_code == 1009


@pytest.mark.parametrize(("pause_s", "refused"), [(0.0, False), (5.0, True)])
async def test_a_body_that_drips_is_given_up(pause_s: float, refused: bool) -> None:
    """Slowloris: a byte now and then. A body at full speed is the planted opposite."""
    parts = iter([b"a"] * 3)
    statuses = []

    async def receive() -> Any:
        await asyncio.sleep(pause_s)
        part = next(parts, b"")
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    scope = {"type": "http", "path": "/", "query_string": b"", "headers": [(b"transfer-encoding", b"chunked")]}
    door = BoundsMiddleware(app, bounds=Bounds(idle_s=0.05))
    if refused:
        with pytest.raises(Exception, match="too slowly"):
            await door(scope, receive, send)
    else:
        await door(scope, receive, send)
    assert statuses == ([] if refused else [200])
