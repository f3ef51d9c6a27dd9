"""The judge never raises, whatever the bytes; the same message gives the same dead letters."""

import json
from datetime import UTC, datetime

import pytest
from fabric_harness import good, telemetry
from hypothesis import given
from hypothesis import strategies as st
from summit_core import wire
from summit_core.model import DeadLetter
from summit_fabric.judge import Door, Input, Verdict, door_of, judge
from summit_fabric.worker import BYTES_A_MESSAGE, encode_in_parts

NOW = datetime.now(UTC)


def verdict_on(data: object, subject: str = "observations.measurement", door: Door = "nats") -> Verdict:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return judge(Input(subject, content, 7, NOW, door))


subjects = st.sampled_from(
    [
        "observations.report",
        "observations.telemetry",
        "observations.banana",
        "devices.d 1.telemetry",
        "devices.d.status",
    ]
)
noise = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["source", "observed_at", "text", "lat"]), inner),
)


@given(st.one_of(st.binary(), noise.map(lambda value: json.dumps(value).encode())), subjects)
def test_any_bytes_are_judged_and_every_letter_can_be_read_back(data: bytes, subject: str) -> None:
    verdict = verdict_on(data, subject)
    for letter in verdict.refused:
        assert wire.decode(wire.encode(letter), DeadLetter) == letter
    assert verdict.refused or verdict.accepted or subject.endswith(".status")


@pytest.mark.parametrize(
    "data", [b'{"a":' * 50_000, b'[{"a":' + b"[" * 60_000, b'{"source":"' + b"\\u0000" * 10 + b'"}', b"[]", b"[1,2"]
)
def test_hostile_shapes_are_refused(data: bytes) -> None:
    verdict = verdict_on(data)
    assert len(verdict.refused) == 1
    assert not verdict.accepted


def test_each_observation_of_an_array_is_judged_by_itself() -> None:
    verdict = verdict_on([good("a"), good("b", lat=999), good("c"), {"source": "d"}])
    assert [one.source for one in verdict.accepted] == ["a", "c"]
    assert [(one.source, one.code) for one in verdict.refused] == [("b", "invalid_field"), ("d", "invalid_field")]
    assert len({one.id for one in verdict.refused}) == 2
    assert verdict_on([good("a"), 1]).refused[0].id == verdict_on([good("a"), 1]).refused[0].id


def test_a_device_speaks_only_as_itself_and_is_charged_for_what_it_sends() -> None:
    assert verdict_on(telemetry("d1"), "devices.d1.telemetry").accepted[0].source == "d1"
    refused = verdict_on(telemetry("innocent"), "devices.d1.telemetry").refused[0]
    assert (refused.code, refused.source) == ("source_mismatch", "d1")


def test_the_door_is_told_by_headers() -> None:
    assert door_of({"Nmqtt-Pub": "1"}) == "mqtt"
    assert door_of({"Summit-Door": "http"}) == "http"
    assert door_of({}) == "nats"


def test_batches_stay_below_what_the_broker_takes() -> None:
    accepted = verdict_on([good("s", label="x" * 190) for _ in range(500)]).accepted
    wide = verdict_on({"source": "s", "observed_at": NOW.isoformat(), "text": "x" * 4000}, "observations.report")
    parts = list(encode_in_parts([*accepted, *wide.accepted * 800]))
    assert max(map(len, parts)) <= BYTES_A_MESSAGE
    assert sum(len(wire.decode_batch(part)) for part in parts) == len(accepted) + 800
