"""The client against a stand-in for the gateway that fails in the ways a gateway fails."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from summit_core.errors import ConflictError, ErrorCode, InputError, NotFoundError, UnavailableError
from summit_core.model import Alert, AlertState, Certainty, Report, Severity, Urgency
from summit_core.wire import encode
from summit_sdk import Backoff, Endpoints, SummitClient
from summit_sdk.stream import query_of

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
GONE = "gone"
QUICK = Backoff(first_s=0.001, longest_s=0.01)


class Gateway:
    """Answers what ``script`` says, in order; then what it is asked."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.calls: list[tuple[str, str, dict[str, str], Any]] = []
        self.streams: list[list[str]] = []
        self.stream_queries: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer secret"
        if request.path == "/v1/stream":
            return await self._stream(request)
        body = json.loads(await request.read() or b"null")
        self.calls.append((request.method, request.path, dict(request.query), body))
        return self.script.pop(0) if self.script else web.json_response({"items": [], "next": None, "seq": 1})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.stream_queries.append(dict(request.query))
        frames = self.streams.pop(0)
        if not frames:
            return problem(410, "gone")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in frames:
            if frame.startswith("close:"):
                _, code, reason = frame.split(":", 2)
                await socket.close(code=int(code), message=reason.encode())
            elif frame != GONE:
                await socket.send_str(frame)
        await socket.close(code=4410 if GONE in frames else 1001)
        return socket


def problem(status: int, code: str, **headers: str) -> web.Response:
    body = {"type": "about:blank", "title": code, "status": status, "detail": f"it is {code}", "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(body, status=status, headers=named, content_type="application/problem+json")


def receipt(ids: list[str], rejected: list[dict[str, Any]] | None = None, status: int = 202) -> web.Response:
    return web.json_response({"accepted": len(ids), "rejected": rejected or [], "ids": ids}, status=status)


def frame(op: str, seq: int, **more: Any) -> str:
    return json.dumps({"op": op, "seq": seq, **more})


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[Gateway, SummitClient]]:
    stand_in = Gateway()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    async with TestServer(app) as server, SummitClient(str(server.make_url("")), "secret", backoff=QUICK) as summit:
        yield stand_in, summit


async def test_a_post_is_repeated_with_the_same_ids_until_it_is_stored(gateway: tuple[Gateway, SummitClient]) -> None:
    server, summit = gateway
    server.script = [problem(503, "unavailable", Retry_After="0"), problem(429, "rate_limited"), receipt(["a", "b"])]
    stored = await summit.post_observations(
        [Report(source="me", observed_at=NOW, text="smoke"), {"kind": "report", "source": "me", "text": "more"}]
    )
    first, second, third = (call[3] for call in server.calls)
    assert first == second == third
    assert all(one["id"] for one in first)
    assert stored.accepted == 2


async def test_batches_are_cut_and_rejections_keep_their_index(gateway: tuple[Gateway, SummitClient]) -> None:
    server, summit = gateway
    refused = {"index": 3, "code": "invalid_field", "field": "lat", "detail": "lat: too far north"}
    server.script = [receipt(["x"] * 500), receipt([], [refused], status=422)]
    stored = await summit.post_observations(Report(source="me", observed_at=NOW, text=str(n)) for n in range(504))
    assert [len(call[3]) for call in server.calls] == [500, 4]
    assert (stored.accepted, stored.rejected[0].index, stored.rejected[0].field) == (500, 503, "lat")


async def test_large_observations_stay_below_the_size_of_a_message(gateway: tuple[Gateway, SummitClient]) -> None:
    server, summit = gateway
    server.script = [receipt(["x"]) for _ in range(3)]
    await summit.post_observations(Report(source="me", observed_at=NOW, text="x" * 3900) for _ in range(120))
    assert len(server.calls) == 3
    assert all(len(json.dumps(call[3])) < 256 * 1024 for call in server.calls)


async def test_a_list_follows_its_pages(gateway: tuple[Gateway, SummitClient]) -> None:
    server, summit = gateway
    alert = json.loads(
        encode(
            Alert(
                id="a1",
                title="Smoke",
                text="",
                state=AlertState.OPEN,
                severity=Severity.SEVERE,
                urgency=Urgency.IMMEDIATE,
                certainty=Certainty.LIKELY,
                dedupe_key="k",
                opened_at=NOW,
                updated_at=NOW,
            )
        )
    )
    pages = [{"items": [alert], "next": "c2", "seq": 1}, {"items": [{**alert, "id": "a2"}], "next": None, "seq": 1}]
    server.script = [web.json_response(page) for page in pages]
    assert [one.id for one in await summit.alerts()] == ["a1", "a2"]
    assert server.calls[1][2] == {"cursor": "c2"}
    await summit.entities(kind="track", class_="fire")
    assert server.calls[2][2] == {"kind": "track", "class": "fire"}


async def test_a_decision_is_sent_once_and_its_problem_is_the_services_error(
    gateway: tuple[Gateway, SummitClient],
) -> None:
    server, summit = gateway
    server.script = [problem(503, "unavailable"), problem(404, "not_found")]
    with pytest.raises(UnavailableError):
        await summit.ack("a1", note="seen")
    assert server.calls == [("POST", "/v1/alerts/a1/ack", {}, {"note": "seen"})]
    with pytest.raises(NotFoundError, match="it is not_found"):
        await summit.task("nothing")


async def test_another_plan_is_a_conflict(gateway: tuple[Gateway, SummitClient]) -> None:
    server, summit = gateway
    server.script = [problem(409, "plan_changed")]
    with pytest.raises(ConflictError) as raised:
        await summit._decide("tasks", "t1", "approve", {"plan_hash": "old"})
    assert raised.value.code is ErrorCode.PLAN_CHANGED


async def test_an_absent_gateway_is_unavailable() -> None:
    async with SummitClient("http://127.0.0.1:9", "secret", attempts=2, backoff=QUICK) as summit:
        with pytest.raises(UnavailableError, match="does not answer"):
            await summit.tasks()


@pytest.mark.parametrize("refusal", [[], [GONE]])
async def test_the_stream_resumes_where_it_broke_and_starts_over_when_that_is_gone(
    gateway: tuple[Gateway, SummitClient], refusal: list[str]
) -> None:
    server, summit = gateway
    server.streams = [
        [frame("snapshot", 9), frame("upsert", 3, type="tasks", key="t", body={})],  # breaks inside the snapshot
        [frame("snapshot", 9), frame("snapshot-end", 9), frame("upsert", 10, type="tasks", key="t", body={})],
        [frame("upsert", 11, type="tasks", key="t", body={})],
        refusal,  # as status 410, or as close code 4410
        [frame("snapshot", 50), frame("snapshot-end", 50)],
    ]
    seen = []
    async for one in summit.stream(types=["tasks"]):
        seen.append((one.op, one.seq))
        if one.seq == 50 and one.op == "snapshot-end":
            break
    assert [query.get("from") for query in server.stream_queries] == [None, None, "10", "11", None]
    assert seen[-4:] == [("upsert", 10), ("upsert", 11), ("snapshot", 50), ("snapshot-end", 50)]
    assert server.stream_queries[0]["types"] == "tasks"


async def test_a_stream_is_narrowed_and_a_wrong_filter_is_not_tried_again(
    gateway: tuple[Gateway, SummitClient],
) -> None:
    server, summit = gateway
    server.streams = [["close:4422:bbox: send four numbers"]]
    with pytest.raises(InputError, match="bbox: send four numbers"):
        async for _ in summit.stream(
            types=["entities"], fields=["id", "location"], class_=["uas"], bbox=(179, -1, -179, 1)
        ):
            pass
    narrowed = {"types": "entities", "fields": "id,location", "class": "uas", "bbox": "179,-1,-179,1"}
    assert server.stream_queries == [narrowed]
    assert query_of([], [], {"polygon": [(0.5, 1), (2, 3), (4, 5)], "severity_at_least": "severe"}) == {
        "polygon": "0.5,1 2,3 4,5",
        "severity_at_least": "severe",
    }


def test_endpoints_find_the_key_beside_them(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("secret\n")
    mqtt = {"host": "127.0.0.1", "port": 1883, "username": "device", "password": "hidden"}
    content = {"gateway": "http://127.0.0.1:8000", "mqtt": mqtt, "admin_key_file": ".summit/admin.key", "pid": 1}
    (tmp_path / "endpoints.json").write_text(json.dumps(content))
    endpoints = Endpoints.read(tmp_path / "endpoints.json")
    assert endpoints.admin_key() == "secret"
    assert "hidden" not in repr(endpoints)
    with pytest.raises(InputError, match="summit up"):
        Endpoints.read(tmp_path / "absent.json")
