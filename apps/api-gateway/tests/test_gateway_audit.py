"""What the gateway writes to the audit, read from the stream itself."""

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from gateway_harness import Gateway, Upstream
from summit_core.bus import Bus
from summit_core.bus.streams import AUDIT
from waiting import eventually

Records = list[dict[str, Any]]


class Audit:
    """The stream, as it is kept."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def records(self) -> Records:
        state = (await self.bus.jetstream.stream_info(AUDIT)).state
        found = []
        for seq in range(max(1, state.first_seq), state.last_seq + 1):
            message = await self.bus.jetstream.get_msg(AUDIT, seq, direct=True)
            found.append(msgspec.json.decode(message.data or b""))
        return found

    async def until(self, holds: Callable[[dict[str, Any]], bool], *, count: int = 1) -> Records:
        """Those records for which this holds, when there are so many."""

        async def there() -> bool:
            return len([one for one in await self.records() if holds(one)]) >= count

        await eventually(there)
        return [one for one in await self.records() if holds(one)]

    async def of(self, action: str) -> Records:
        return [one for one in await self.records() if one["action"] == action]


@pytest.fixture
async def audit(gateway: Gateway) -> AsyncIterator[Audit]:
    bus = await Bus.connect(gateway.settings.nats_url.get_secret_value(), name="test")
    yield Audit(bus)
    await bus.close()


async def test_a_change_is_announced_done_and_without_its_secret(gateway: Gateway, audit: Audit) -> None:
    key = await gateway.key("operator", "zoë")
    intended, done = await audit.of("POST /v1/keys")
    assert (intended["outcome"], done["outcome"], done["status"]) == ("intended", "done", 201)
    assert done["intent"] == intended["id"]
    assert intended["body_sha256"] == hashlib.sha256(b'{"name": "zo\\u00eb", "role": "operator"}').hexdigest()
    assert (done["principal"]["name"], done["object_type"]) == ("administrator", "keys")
    assert done["object"] in key
    assert key not in str(await audit.records())


async def test_what_a_service_refuses_is_kept_with_reason_and_plan(
    gateway: Gateway, audit: Audit, upstream: Upstream
) -> None:
    upstream.status, upstream.body = 409, {"code": "plan_changed"}
    said = {"plan_hash": "abc", "reason": "no wind"}
    assert (await gateway.post("/v1/tasks/task-1/reject", said))[0] == 409
    _, refused = await audit.of("POST /v1/tasks/{id}/reject")
    assert (refused["outcome"], refused["code"], refused["object"]) == ("refused", "plan_changed", "task-1")
    assert (refused["reason"], refused["plan_hash"], refused["client"]) == ("no wind", "abc", "127.0.0.1")


async def test_versions_and_the_reason_of_a_removal_are_kept(
    gateway: Gateway, audit: Audit, upstream: Upstream
) -> None:
    headers = gateway.headers() | {"If-Match": '"7"', "X-Request-Id": "my-request-1"}
    async with gateway.http.delete(gateway.url + "/v1/zones/z1?reason=old", headers=headers) as answer:
        assert answer.status == 200
    _, done = await audit.of("DELETE /v1/zones/{id}")
    assert (done["version"], done["reason"], done["request_id"]) == ('"7"', "old", "my-request-1")
    assert "body_sha256" not in done


async def test_a_flood_of_denials_is_bounded_and_counted(gateway: Gateway, audit: Audit) -> None:
    viewer = await gateway.key("viewer", "curious")
    for _ in range(60):
        assert (await gateway.post("/v1/alerts/a1/ack", {}, key=viewer))[0] == 403
    await gateway.app.state.services.trail.close()  # as at the end of the minute
    written = await audit.until(lambda one: one["action"] == "POST /v1/alerts/{id}/ack", count=2)
    assert sum(one.get("count", 1) for one in written) == 60
    assert len(written) == 2
    assert {(one["outcome"], one["code"], one["principal"]["name"]) for one in written} == {
        ("denied", "forbidden", "curious")
    }


async def test_wrong_keys_and_denied_reads_are_kept(gateway: Gateway, audit: Audit) -> None:
    assert (await gateway.get("/v1/entities", key="summit_000000000000_nonsense"))[0] == 401
    device = await gateway.key("device", "cam-1")
    assert (await gateway.get("/v1/entities", key=device))[0] == 403
    found = await audit.until(lambda one: one["action"] == "GET /v1/entities", count=2)
    assert {(one["status"], one.get("principal", {}).get("name")) for one in found} == {(401, None), (403, "cam-1")}


async def test_signing_in_and_out_and_failing_to_are_kept(gateway: Gateway, audit: Audit) -> None:
    async with gateway.http.post(gateway.url + "/v1/session", json={"key": "wrong"}) as answer:
        assert answer.status == 401
    assert (await gateway.post("/v1/session", {"key": gateway.admin_key}))[0] == 200
    async with gateway.http.delete(gateway.url + "/v1/session", headers={"X-Summit-Request": "1"}) as answer:
        assert answer.status == 204
    failed = await audit.until(lambda one: one["action"] == "POST /v1/session" and one["status"] == 401)
    assert "principal" not in failed[0]
    (done,) = await audit.until(lambda one: one["action"] == "POST /v1/session" and one["status"] == 200)
    assert done["principal"]["name"] == "administrator"
    assert gateway.admin_key not in str(await audit.records())
    await audit.until(lambda one: one["action"] == "DELETE /v1/session" and one["outcome"] == "done")


async def test_a_stream_that_is_denied_is_kept(gateway: Gateway, audit: Audit) -> None:
    device = await gateway.key("device", "cam-2")
    address = gateway.url.replace("http", "ws") + "/v1/stream"
    async with gateway.http.ws_connect(address, headers=gateway.headers(device)) as socket:
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    (denied,) = await audit.until(lambda one: one["action"] == "WEBSOCKET /v1/stream")
    assert (denied["outcome"], denied["status"], denied["code"]) == ("denied", 403, "forbidden")


async def test_observations_are_counted_not_listed(gateway: Gateway, audit: Audit) -> None:
    one = {"kind": "report", "source": "p1", "observed_at": "2026-01-01T00:00:00Z", "text": "smoke"}
    for _ in range(5):
        assert (await gateway.post("/v1/observations", one))[0] == 202
    await gateway.app.state.services.trail.close()
    written = await audit.of("POST /v1/observations")
    assert sum(one.get("count", 1) for one in written) == 5
    assert len(written) == 2


async def test_what_cannot_be_recorded_is_not_done(gateway: Gateway, audit: Audit, upstream: Upstream) -> None:
    await audit.bus.jetstream.delete_stream(AUDIT)
    before = len(upstream.asked)
    status, problem = await gateway.post("/v1/alerts/a1/ack", {"note": "seen"})
    assert (status, problem["retriable"]) == (503, True)
    assert len(upstream.asked) == before
    status, problem = await gateway.post("/v1/session", {"key": gateway.admin_key})
    assert (status, problem["code"]) == (503, "unavailable")
    assert not [cookie for cookie in gateway.http.cookie_jar if cookie.value]
    assert (await gateway.get("/v1/keys"))[0] == 200  # reading goes on
    await audit.bus.ensure_streams()
    assert (await gateway.post("/v1/alerts/a1/ack", {"note": "seen"}))[0] == 200
    assert len(upstream.asked) == before + 1
    failed = await audit.until(lambda one: one["outcome"] == "failed", count=2)
    assert {one["status"] for one in failed} == {503}


async def test_the_outcome_of_what_was_done_is_written_when_the_broker_is_back(
    gateway: Gateway, audit: Audit, upstream: Upstream
) -> None:
    answer, services = gateway.app.state.services.upstreams.forward, gateway.app.state.services

    class Going:
        async def forward(self, *args: Any, **named: Any) -> Any:
            await audit.bus.jetstream.delete_stream(AUDIT)
            return await answer(*args, **named)

    services.upstreams = Going()
    assert (await gateway.post("/v1/alerts/a1/ack", {}))[0] == 200  # it is done, and nobody can undo it
    await audit.bus.ensure_streams()
    (done,) = await audit.until(lambda one: one["action"] == "POST /v1/alerts/{id}/ack")
    assert (done["outcome"], "intent" in done) == ("done", True)
