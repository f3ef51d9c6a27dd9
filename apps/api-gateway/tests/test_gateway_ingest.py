"""Observations by HTTP: what is accepted is stored, what is refused is counted, and the next good one still arrives."""

import asyncio
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from gateway_harness import Gateway, World
from hypothesis import given
from hypothesis import strategies as st
from summit_core import wire
from summit_core.bus import Bus, Picture
from summit_core.bus.owners import Owners
from summit_core.bus.subjects import BATCH_SUBJECT
from summit_core.clock import SystemClock
from summit_core.errors import InputError, UnavailableError
from summit_core.model import DeadLetter, Position, Principal, Role
from summit_gateway.ingest.items import items_of, media_of
from summit_gateway.ingest.service import Ingest
from waiting import eventually

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
    ((data, headers),) = await _stored(world, BATCH_SUBJECT)
    (stored,) = wire.decode_batch(data)
    assert isinstance(stored, Position)
    assert ([stored.id], stored.received_at) == (outcome["ids"], None)
    assert headers["Summit-Door"] == "http"


async def test_a_resend_is_the_same(gateway: Gateway, world: World) -> None:
    first = await gateway.post("/v1/observations", GOOD)
    assert await gateway.post("/v1/observations", GOOD) == first
    assert len(await _stored(world, BATCH_SUBJECT)) == 1


async def test_another_observation_under_a_used_id_is_not_swallowed(gateway: Gateway, world: World) -> None:
    """We say "accepted" to both, so both must reach fabric, which alone decides and counts what is a duplicate."""
    used = GOOD | {"id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    assert (await gateway.post("/v1/observations", used))[0] == 202
    assert (await gateway.post("/v1/observations", used | {"source": "cam-2"}))[0] == 202
    assert len(await _stored(world, BATCH_SUBJECT)) == 2


async def test_a_request_that_failed_in_the_middle_and_is_sent_again_is_stored_once(world: World) -> None:
    class Torn(Bus):
        """Loses the connection after the first message."""

        async def publish_many(self, messages: Iterable[Any]) -> list[int]:
            await super().publish_many(list(messages)[:1])
            raise UnavailableError("the broker does not answer")

    someone = Principal(id="one", name="one", role=Role.ADMINISTRATOR)
    items = [json.dumps(GOOD | {"seq": number}).encode() for number in range(1_200)] + [b"{}"]
    with pytest.raises(UnavailableError):
        await Ingest(Torn(world.bus.client, world.bus.connection), SystemClock(), Owners(Picture())).accept(
            items, someone
        )
    assert len(await _stored(world, BATCH_SUBJECT)) == 1
    assert await _dead_letters(world) == []
    outcome = await Ingest(world.bus, SystemClock(), Owners(Picture())).accept(items, someone)
    stored = [one for data, _ in await _stored(world, BATCH_SUBJECT) for one in wire.decode_batch(data)]
    assert [one.id for one in stored] == outcome.ids
    assert [one.seq for one in stored] == list(range(1_200))
    assert len(await _dead_letters(world)) == 1


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


@given(
    st.lists(st.sampled_from(["good", "ghost", "inf", "text", "number"]), min_size=1, max_size=6),
    st.sampled_from(["application/json", "application/x-ndjson", "application/msgpack"]),
)
def test_each_media_type_is_judged_alike(what: list[str], kind: str) -> None:
    values: dict[str, Any] = {
        "good": GOOD,
        "ghost": GOOD | {"kind": "ghost"},
        "inf": GOOD | {"speed_mps": float("inf")},
        "text": "words, of which some are like \xcb\x7f\xf0",
        "number": 17,
    }
    sent = [values[name] for name in what]
    bodies = {
        "application/json": json.dumps(sent).encode(),
        "application/x-ndjson": "\n".join(map(json.dumps, sent)).encode(),
        "application/msgpack": msgspec.msgpack.encode(sent),
    }
    codes = []
    for item in items_of(bodies[kind], kind):
        try:
            wire.decode_observation(item, now=datetime.now(UTC), media=media_of(kind))
            codes.append("good")
        except InputError as error:
            codes.append(error.code)
    expected = {"ghost": "unknown_kind", "inf": "not_finite", "text": "invalid_field", "number": "invalid_field"}
    assert codes == [expected.get(name, "good") for name in what]


async def test_one_map_of_messagepack_and_its_refusal(gateway: Gateway, world: World) -> None:
    kind = {"Content-Type": "application/msgpack"}
    one = msgspec.msgpack.encode(GOOD | {"observed_at": datetime.now(UTC)})
    assert (await gateway.post("/v1/observations", one, **kind))[0] == 202
    bad = msgspec.msgpack.encode(GOOD | {"lat": float("nan")})
    status, outcome = await gateway.post("/v1/observations", bad, **kind)
    assert (status, [one["code"] for one in outcome["rejected"]]) == (422, ["not_finite"])
    (letter,) = await _dead_letters(world)
    assert (letter.payload, letter.source) == (bad, "cam-1")


async def test_a_whole_that_cannot_be_read(gateway: Gateway, world: World) -> None:
    cases = [
        (b"[1,", "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b"[" + b"1," * 5_000 + b"1]", "application/json", 413, "too_large"),
        (b"\xdd\x00\x00\x00", "application/msgpack", 400, "malformed_json"),
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
    assert 4 <= info.state.messages <= 8


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
    await eventually(gateway.is_ready)
    assert (await gateway.post("/v1/observations", GOOD))[0] == 202
