"""Observations by HTTP: what is accepted is stored, what is refused is counted, and the next good one still arrives."""

import asyncio
import io
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from gateway_harness import Gateway, World, until
from summit_core import wire
from summit_core.bus import Bus
from summit_core.clock import SystemClock
from summit_core.errors import UnavailableError
from summit_core.model import DeadLetter, Position, Principal, Role
from summit_gateway.ingest.service import IN_FLIGHT, Ingest

NOW = datetime.now(UTC).isoformat()
GOOD = {"kind": "position", "source": "cam-1", "observed_at": NOW, "lat": 36.5, "lon": -84.2}
NAN = json.dumps(GOOD | {"lat": float("nan")})


async def _stored(world: World, subject: str) -> list[tuple[bytes, dict[str, str]]]:
    """What JetStream holds on a subject."""
    jetstream = world.bus.jetstream
    subscription = await jetstream.subscribe(subject, ordered_consumer=True)
    found = []
    while (await subscription.consumer_info()).num_pending or subscription.pending_msgs:
        message = await subscription.next_msg(timeout=2)
        found.append((message.data, dict(message.headers or {})))
    await subscription.unsubscribe()
    return found


async def _dead_letters(world: World) -> list[DeadLetter]:
    return [msgspec.json.decode(data, type=DeadLetter) for data, _ in await _stored(world, "deadletters.http")]


async def test_one_is_stored_before_it_is_accepted(gateway: Gateway, world: World) -> None:
    status, outcome = await gateway.post("/v1/observations", GOOD)
    assert (status, outcome["accepted"], outcome["rejected"]) == (202, 1, [])
    ((data, headers),) = await _stored(world, "observations.position")
    stored = wire.decode(data, Position)
    assert [stored.id] == outcome["ids"]
    assert headers["Summit-Door"] == "http"


async def test_a_resend_is_the_same(gateway: Gateway, world: World) -> None:
    first = await gateway.post("/v1/observations", GOOD)
    assert await gateway.post("/v1/observations", GOOD) == first
    assert len(await _stored(world, "observations.position")) == 1


async def test_another_observation_under_a_used_id_is_not_swallowed(gateway: Gateway, world: World) -> None:
    """We say "accepted" to both, so both must reach fabric, which alone decides and counts what is a duplicate."""
    used = GOOD | {"id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    assert (await gateway.post("/v1/observations", used))[0] == 202
    assert (await gateway.post("/v1/observations", used | {"source": "cam-2"}))[0] == 202
    assert len(await _stored(world, "observations.position")) == 2


async def test_a_request_that_failed_publishes_nothing_more(world: World) -> None:
    """Else the rest of each failed attempt would go on in the background, beside its resend and out of order."""

    class Away(Bus):
        attempts = 0

        async def publish(self, *_: Any, **__: Any) -> int:
            self.attempts += 1
            await asyncio.sleep(0)
            raise UnavailableError("the broker does not answer")

    away = Away(world.bus.client)
    someone = Principal(id="one", name="one", role=Role.ADMINISTRATOR)
    with pytest.raises(UnavailableError):
        await Ingest(away, SystemClock()).accept([json.dumps(GOOD).encode()] * 3 * IN_FLIGHT, someone)
    attempts = away.attempts
    for _ in range(100):
        await asyncio.sleep(0)
    assert away.attempts == attempts <= 2 * IN_FLIGHT


BAD: dict[str, tuple[bytes, str]] = {
    "unknown kind": (json.dumps(GOOD | {"kind": "ghost"}).encode(), "unknown_kind"),
    "no source": (json.dumps({k: v for k, v in GOOD.items() if k != "source"}).encode(), "invalid_field"),
    "out of range": (json.dumps(GOOD | {"lat": 91}).encode(), "invalid_field"),
    "future": (json.dumps(GOOD | {"observed_at": "2099-01-01T00:00:00Z"}).encode(), "out_of_time_window"),
    "nan": (NAN.encode(), "not_finite"),
    "not utf-8": (b'{"kind":"report","source":"a","text":"\xff"}', "invalid_utf8"),
    "empty": (b"  ", "empty"),
    "cut off": (b'{"kind":"pos', "malformed_json"),
    "number": (b"3", "invalid_field"),
    "deep": (b'{"kind":"position","x":' + b"[" * 100_000, "malformed_json"),
    "300 KiB": (json.dumps(GOOD | {"x": "y" * 300_000}).encode(), "too_large"),
}


async def test_bad_input_is_refused_counted_and_harmless(gateway: Gateway, world: World) -> None:
    for name, (body, code) in BAD.items():
        status, outcome = await gateway.post("/v1/observations", body)
        assert (status, outcome["accepted"]) == (422, 0), name
        assert [(one["index"], one["code"]) for one in outcome["rejected"]] == [(0, code)], name
        assert (await gateway.post("/v1/observations", GOOD))[0] == 202, name
    letters = await _dead_letters(world)
    assert [(one.code, one.size, one.payload) for one in letters] == [
        (code, len(body), body[:4096]) for body, code in BAD.values()
    ]
    assert {one.door for one in letters} == {"http"}


async def test_a_batch_is_judged_item_by_item(gateway: Gateway, world: World) -> None:
    other = GOOD | {"source": "cam-2"}
    array = f"[{json.dumps(GOOD)},{NAN},{json.dumps(other)},17]".encode()
    lines = f'{json.dumps(GOOD)}\n{NAN}\n\n{json.dumps(other)}\n{{"cut'.encode()
    for body, kind, codes in (
        (array, "application/json", ["not_finite", "invalid_field"]),
        (lines, "application/x-ndjson", ["not_finite", "malformed_json"]),
    ):
        status, outcome = await gateway.post("/v1/observations", body, **{"Content-Type": kind})
        assert (status, outcome["accepted"], len(outcome["ids"])) == (202, 2, 2)
        assert [(one["index"], one["code"]) for one in outcome["rejected"]] == [(1, codes[0]), (3, codes[1])]
    assert next(iter(await _dead_letters(world))).source is None  # NaN hides the source too


async def test_a_whole_that_cannot_be_read(gateway: Gateway, world: World) -> None:
    cases = [
        (b"[1,", "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b"[" + b"1," * 5_000 + b"1]", "application/json", 422, "invalid_field"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
    ]
    for body, kind, status, code in cases:
        answer, problem = await gateway.post("/v1/observations", body, **{"Content-Type": kind})
        assert (answer, problem["code"]) == (status, code)
    assert [letter.code for letter in await _dead_letters(world)] == [code for *_, code in cases]


async def test_too_large_is_refused_without_its_body(gateway: Gateway, world: World) -> None:
    body = b"x" * (16 * 1024 * 1024 + 1)
    status, problem = await gateway.post("/v1/observations", io.BytesIO(body))
    assert (status, problem["code"]) == (413, "too_large")
    (letter,) = await _dead_letters(world)
    assert (letter.size, letter.payload) == (len(body), b"")


async def test_a_device_writes_only_as_itself(gateway: Gateway, world: World) -> None:
    key = await gateway.key("device", name="cam-1")
    status, outcome = await gateway.post("/v1/observations", [GOOD, GOOD | {"source": "cam-2"}], key=key)
    assert (status, outcome["accepted"]) == (202, 1)
    assert [(one["index"], one["code"], one["field"]) for one in outcome["rejected"]] == [
        (1, "source_mismatch", "source")
    ]
    assert [letter.source for letter in await _dead_letters(world)] == ["cam-1"]


async def test_a_large_batch_arrives_whole(gateway: Gateway, world: World) -> None:
    batch = [GOOD | {"seq": number} for number in range(2_000)]
    status, outcome = await gateway.post("/v1/observations", batch)
    assert (status, outcome["accepted"], len(set(outcome["ids"]))) == (202, 2_000, 2_000)
    info = await world.bus.jetstream.stream_info("INGEST")
    assert info.state.messages == 2_000


async def test_the_broker_away(gateway: Gateway, nats_server: Any) -> None:
    nats_server.kill()
    try:
        data = json.dumps(GOOD).encode()
        headers = gateway.headers() | {"Content-Type": "application/json"}
        async with gateway.http.post(gateway.url + "/v1/observations", data=data, headers=headers) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem["retriable"]) == (503, True)
            assert int(response.headers["Retry-After"]) >= 1
        assert (await gateway.get("/v1/entities"))[0] == 200  # the picture is still there
    finally:
        await asyncio.to_thread(nats_server.start)
    await until(gateway.is_ready)
    assert (await gateway.post("/v1/observations", GOOD))[0] == 202
