"""The judge never raises, whatever the bytes; the same message gives the same dead letters."""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import msgspec
import pytest
from fabric_harness import good as good_at
from fabric_harness import telemetry as telemetry_at
from hypothesis import given
from hypothesis import strategies as st
from summit_core import wire
from summit_core.bus import Delivery
from summit_core.bus.subjects import partition
from summit_core.ids import derived_id
from summit_core.model import AnyObservation, DeadLetter, Measurement
from summit_fabric.decoded import Batch, cell_of
from summit_fabric.judge import Door, Input, Verdict, door_of, judge, judge_all, judge_into
from summit_fabric.worker import BYTES_A_MESSAGE, encoded_in_parts, input_of, partitioned

NOW = (now := datetime.now(UTC)).replace(microsecond=now.microsecond // 1000 * 1000)
EAST = timezone(timedelta(hours=2))
good = partial(good_at, observed_at=NOW.isoformat())
"""As old as what is received, however long the tests before took."""
telemetry = partial(telemetry_at, observed_at=NOW.isoformat())
REPLY = "$JS.ACK.INGEST.c.1.7.7.1800000000000000000.0"


def verdict_on(data: object, subject: str = "observations.measurement", door: Door = "nats") -> Verdict:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return judge(Input(subject, content, 7, NOW, door))


subjects = st.sampled_from(
    [
        "observations.report",
        "observations.report.d",
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


MQTT = b"NATS/1.0\r\nNmqtt-Pub:1\r\n\r\n"
sent = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([derived_id(NOW, "x"), derived_id(NOW, "x").upper(), "no uuid", None]),
        "observed_at": st.sampled_from(
            [
                NOW,
                NOW - timedelta(days=1),
                NOW + timedelta(minutes=5),
                NOW + timedelta(minutes=5, microseconds=1),
                NOW.astimezone(EAST),
            ]
        ).map(datetime.isoformat)
        | st.sampled_from(["1980-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "now"]),
        "source": st.sampled_from(["d", "other", "d 1", ""]),
        "label": st.sampled_from(["plain", "ünï", "\0"]),
        "cov_m2": st.sampled_from([[[4.0, 0.0], [0.0, 4.0]], [[4.0, 9.0], [9.0, 4.0]]]),
        "organisation": st.sampled_from(["oxfam"]),
        "lat": st.sampled_from([39.5, 99.0, float("nan")]),
    },
)


def delivered(number: int, fields: dict[str, object], subject: str, header: bytes) -> Delivery:
    body = {"source": "d", "observed_at": NOW.isoformat(), "lat": 39.8, "lon": -121.4, "category": "drone"} | fields
    at_ns = int(NOW.timestamp() * 1000) * 1_000_000
    reply = f"$JS.ACK.INGEST.c.1.{number}.{number}.{at_ns}.0"
    return Delivery(subject, json.dumps(body).encode(), reply, header)


@given(
    st.lists(
        st.tuples(
            sent,
            st.sampled_from(
                ["devices.d.telemetry", "observations.position", "observations.position.d", "devices.d.x.y"]
            ),
            st.sampled_from([b"", MQTT]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_judged_all_at_once_they_are_what_they_are_one_by_one(
    messages: list[tuple[dict[str, object], str, bytes]],
) -> None:
    deliveries = [delivered(number, *message) for number, message in enumerate(messages, start=1)]
    one_by_one = Verdict()
    for delivery in deliveries:
        judge_into(input_of(delivery), one_by_one)
    found = judge_all(deliveries)
    if found is None:
        assert one_by_one.refused or any(one.organisation for one in one_by_one.accepted)
    else:
        assert found == (one_by_one.accepted, sum(delivery.header != b"" for delivery in deliveries))
        assert not one_by_one.refused


@pytest.mark.parametrize(
    ("subject", "data", "header"),
    [
        ("devices.d.status", b'{"status":"online"}', b""),
        ("observations.banana.d", b"{}", b""),
        ("observations.position", b"[{}]", b""),
        ("observations.batch", b"\x90", b"NATS/1.0\r\nSummit-Door: http\r\n\r\n"),
        ("devices.d.telemetry", b'{"source":"d","label":"\xff"}', b""),
        ("devices.d.telemetry", b"[" * 100_000, b""),
        ("devices.d.telemetry", b" " * wire.MAX_MESSAGE_BYTES + b"{}", b""),
    ],
)
def test_what_needs_a_closer_look_is_not_judged_with_others(subject: str, data: bytes, header: bytes) -> None:
    assert judge_all([Delivery(subject, data, REPLY, header)]) is None


def test_the_door_is_told_by_headers() -> None:
    assert door_of({"Nmqtt-Pub": "1"}) == "mqtt"
    assert door_of({"Summit-Door": "http"}) == "http"
    assert door_of({}) == "nats"


def test_batches_stay_below_what_the_broker_takes() -> None:
    accepted = verdict_on([good("s", label="x" * 190) for _ in range(500)]).accepted
    wide = verdict_on({"source": "s", "observed_at": NOW.isoformat(), "text": "x" * 4000}, "observations.report")
    observations = [*accepted, *wide.accepted * 800]
    parts = [data for data, _ in encoded_in_parts(Batch(observations, [None] * len(observations)))]
    assert max(map(len, parts)) <= BYTES_A_MESSAGE
    assert sum(len(wire.decode_batch(part)) for part in parts) == len(accepted) + 800


def test_a_topic_that_names_its_source_binds_the_payload_to_it() -> None:
    subject = "observations.measurement.s"
    assert [one.source for one in verdict_on(good("s"), subject).accepted] == ["s"]
    assert len(verdict_on([good("s"), good("s")], subject).accepted) == 2
    (letter,) = verdict_on(good("other"), subject).refused
    assert (letter.code, letter.source) == ("source_mismatch", "s")
    (letter,) = verdict_on(b"{", subject).refused
    assert letter.source == "s"


def test_nan_in_an_array_costs_only_its_own_element() -> None:
    verdict = verdict_on([good("a"), good("b", value=float("nan")), good("c"), 7])
    assert [one.source for one in verdict.accepted] == ["a", "c"]
    assert [(one.code, one.field) for one in verdict.refused] == [("not_finite", "value"), ("invalid_field", None)]


def test_a_batch_of_the_gateway_is_judged_again_item_by_item() -> None:
    given_id = {"kind": "measurement", "id": derived_id(NOW, "one")}
    sent = [good("a", **given_id), good("b", **given_id, lat=999), good("c", **given_id)]
    data = msgspec.msgpack.encode(sent)
    verdict = judge(Input("observations.batch", data, 7, NOW, "http", batch=True))
    assert [(one.source, one.received_at) for one in verdict.accepted] == [("a", NOW), ("c", NOW)]
    assert [(one.code, one.field) for one in verdict.refused] == [("invalid_field", "lat")]
    whole = judge(Input("observations.batch", msgspec.msgpack.encode(sent[:1]), 7, NOW, "http", batch=True))
    assert whole.accepted == verdict.accepted[:1]
    forged = judge(Input("observations.batch", b"\xc1" + data, 7, NOW, "http", batch=True))
    assert (len(forged.accepted), [one.code for one in forged.refused]) == (0, ["malformed_json"])


def test_without_the_header_the_batch_subject_is_nobodys() -> None:
    data = msgspec.msgpack.encode([good("a", kind="measurement")])
    assert input_of(Delivery("observations.batch", data, REPLY)).batch is False
    header = b"NATS/1.0\r\nSummit-Door: http\r\nContent-Type: application/msgpack\r\n\r\n"
    assert input_of(Delivery("observations.batch", data, REPLY, header)).batch
    assert not input_of(Delivery("observations.report", data, REPLY, header)).batch
    assert verdict_on(data, "observations.batch").accepted == []


places = st.tuples(st.floats(-89, 89), st.floats(-180, 180))


@given(st.lists(st.one_of(st.none(), places), max_size=60), st.booleans())
def test_partitions_hold_all_in_order_and_say_where_it_is(where: list[tuple[float, float] | None], dense: bool) -> None:
    where = where * 40 if dense else where
    observations: list[AnyObservation] = [
        Measurement(
            id=derived_id(NOW, str(number)),
            source="s",
            observed_at=NOW,
            seq=number,
            quantity="q",
            value=1.0,
            unit="m",
            lat=place[0] if place else None,
            lon=place[1] if place else None,
        )
        for number, place in enumerate(where)
    ]
    seen: list[int] = []
    for subject, batch in partitioned(observations):
        _, place_token, kind = subject.split(".")
        seqs = [one.seq for one in batch.observations if one.seq is not None]
        assert seqs == sorted(seqs)
        assert kind == "measurement"
        assert list(batch.cells) == [cell_of(one) for one in batch.observations]
        if place_token != "mixed":
            tokens = {"none" if cell is None else f"{partition(cell):x}" for cell in batch.cells}
            assert tokens == {place_token}
        seen += seqs
    assert sorted(seen) == list(range(len(observations)))
