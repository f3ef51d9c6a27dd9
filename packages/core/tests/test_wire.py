"""The door: what is refused, with which code and field; and that everything accepted survives a round trip."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core import wire
from summit_core.errors import ErrorCode, InputError

IDENTIFIER = "018f0000-0000-7000-8000-000000000001"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEARING: dict[str, Any] = {
    "kind": "bearing",
    "source": "cam-1",
    "observed_at": "2026-06-01T11:59:58Z",
    "lat": 39.8,
    "lon": -121.4,
    "azimuth_deg": 47.0,
    "sigma_deg": 1.0,
}


def refused(data: bytes, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        wire.decode_observation(data, now=NOW, **options)
    return caught.value


def changed(**fields: Any) -> bytes:
    return json.dumps(BEARING | fields).encode()


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (b"", ErrorCode.EMPTY, None),
        (b"  \n", ErrorCode.EMPTY, None),
        (b"\xff\xfe\x00", ErrorCode.INVALID_UTF8, None),
        (b'{"kind":', ErrorCode.MALFORMED_JSON, None),
        (b"[1]", ErrorCode.INVALID_FIELD, None),
        (b'{"kind":"report","x":' + b"[" * 60_000 + b"]" * 60_000 + b"}", ErrorCode.MALFORMED_JSON, None),
        (changed(kind="banana"), ErrorCode.UNKNOWN_KIND, "kind"),
        (changed(lat=90.5), ErrorCode.INVALID_FIELD, "lat"),
        (changed(lon=-180.1), ErrorCode.INVALID_FIELD, "lon"),
        (changed(lat=float("nan")), ErrorCode.NOT_FINITE, "lat"),
        (changed(azimuth_deg=float("inf")), ErrorCode.NOT_FINITE, "azimuth_deg"),
        (changed(sigma_deg=0.0), ErrorCode.INVALID_FIELD, "sigma_deg"),
        (changed(confidence=500), ErrorCode.INVALID_FIELD, "confidence"),
        (changed(observed_at="2099-01-01T00:00:00Z"), ErrorCode.OUT_OF_TIME_WINDOW, "observed_at"),
        (changed(observed_at="1970-01-01T00:00:00Z"), ErrorCode.OUT_OF_TIME_WINDOW, "observed_at"),
        (changed(observed_at="2026-06-01T11:59:58"), ErrorCode.INVALID_FIELD, "observed_at"),
        (changed(observed_at="yesterday"), ErrorCode.INVALID_FIELD, "observed_at"),
        (changed(source="a.b"), ErrorCode.INVALID_FIELD, "source"),
        (changed(source="*"), ErrorCode.INVALID_FIELD, "source"),
        (changed(id="7"), ErrorCode.INVALID_FIELD, "id"),
        (changed(label="x" * 300), ErrorCode.INVALID_FIELD, "label"),
        (changed(**{"class": "<script>"}), ErrorCode.INVALID_FIELD, "class"),
        (changed(label="x" * (wire.MAX_MESSAGE_BYTES + 1)), ErrorCode.TOO_LARGE, None),
    ],
)
def test_bad_input_is_refused_with_its_code_and_field(data: bytes, code: ErrorCode, field: str | None) -> None:
    error = refused(data)
    assert (error.code, error.field) == (code, field)
    assert error.detail


@pytest.mark.parametrize("missing", ["source", "observed_at", "lat", "sigma_deg"])
def test_a_missing_field_is_named(missing: str) -> None:
    assert refused(json.dumps({k: v for k, v in BEARING.items() if k != missing}).encode()).field == missing


def test_a_topic_may_give_the_kind_but_not_be_contradicted() -> None:
    without = json.dumps({k: v for k, v in BEARING.items() if k != "kind"}).encode()
    assert wire.decode_observation(without, now=NOW, kind="bearing").source == "cam-1"
    assert refused(changed(), kind="position").field == "kind"
    assert refused(changed(), source="cam-2").code == ErrorCode.SOURCE_MISMATCH


@pytest.mark.parametrize("cov", [[[1, 2], [3, 1]], [[-1, 0], [0, 1]], [[1, 2], [2, 1]], [[0, 0], [0, 0]]])
def test_what_is_no_covariance_is_refused(cov: list[list[float]]) -> None:
    position = {"kind": "position", "source": "r", "observed_at": BEARING["observed_at"], "lat": 1, "lon": 2}
    assert refused(json.dumps(position | {"cov_m2": cov}).encode()).field == "cov_m2"


def test_a_resend_without_an_id_gets_the_same_id_and_another_message_another() -> None:
    first, again = (wire.decode_observation(changed(), now=NOW) for _ in range(2))
    assert first.id == again.id
    assert wire.decode_observation(changed(azimuth_deg=48.0), now=NOW).id != first.id


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "nan", "inf", "1e999", "-1e999", "1e400"])
@pytest.mark.parametrize("value", ["%s", "[[%s,0],[0,1]]"])
def test_the_parser_of_json_lets_no_number_pass_that_is_not_finite(number: str, value: str) -> None:
    """So nobody looks at each number afterwards; in MessagePack they can be, and there we do."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode((value % number).encode())
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode((value % number).encode(), type=float | list[list[float]])


def msgpack(**fields: Any) -> bytes:
    return msgspec.msgpack.encode(BEARING | fields)


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (b"", ErrorCode.EMPTY, None),
        (b"\xc1", ErrorCode.MALFORMED_JSON, None),
        (msgpack(label="ZZ").replace(b"ZZ", b"\xff\xfe"), ErrorCode.INVALID_UTF8, None),
        (b"\x82\xa4kind\xa6report\xa1x" + b"\x91" * 100_000 + b"\xc0", ErrorCode.MALFORMED_JSON, None),
        (
            b"\x82\xa3lat\xcb\x7f\xf0" + b"\x00" * 6 + b"\xa1x" + b"\x91" * 100_000 + b"\xc0",
            ErrorCode.MALFORMED_JSON,
            None,
        ),
        (msgpack(kind="banana"), ErrorCode.UNKNOWN_KIND, "kind"),
        (msgpack(azimuth_deg=float("nan")), ErrorCode.NOT_FINITE, "azimuth_deg"),
        (msgpack(kind="measurement", quantity="q", unit="m", value=float("-inf")), ErrorCode.NOT_FINITE, "value"),
        (msgpack(kind="position", cov_m2=[[float("nan"), 0], [0, 1]]), ErrorCode.NOT_FINITE, "cov_m2"),
        (msgpack(lat=90.5, label="\ucb7f\xf0"), ErrorCode.INVALID_FIELD, "lat"),
        (msgpack(observed_at=datetime(2099, 1, 1, tzinfo=UTC)), ErrorCode.OUT_OF_TIME_WINDOW, "observed_at"),
        (msgpack(label="x" * (wire.MAX_MESSAGE_BYTES + 1)), ErrorCode.TOO_LARGE, None),
    ],
)
def test_bad_messagepack_is_refused_with_its_code_and_field(data: bytes, code: ErrorCode, field: str | None) -> None:
    error = refused(data, media="msgpack")
    assert (error.code, error.field) == (code, field)


def test_messagepack_and_json_are_the_same_observation() -> None:
    packed = msgpack(id=IDENTIFIER, observed_at=datetime(2026, 6, 1, 11, 59, 58, tzinfo=UTC), label="\ucb7f")
    plain = wire.decode_observation(changed(id=IDENTIFIER, label="\ucb7f"), now=NOW)
    assert wire.decode_observation(packed, now=NOW, media="msgpack") == plain
    assert wire.decode_observations(b"\x91" + packed, now=NOW) == [plain]


def test_one_number_that_is_not_finite_does_not_cost_the_items_around_it() -> None:
    good, bad = changed(), changed(lat=float("nan"))
    first, second, third = wire.split(b"[" + good + b"," + bad + b", 3]")
    assert wire.decode_observation(first, now=NOW).source == "cam-1"
    assert refused(second).code == ErrorCode.NOT_FINITE
    assert third == b"3"
    with pytest.raises(InputError):
        wire.split(b"[" + bad)


@given(st.binary(max_size=400))
def test_any_bytes_of_messagepack_are_accepted_or_refused_never_worse(data: bytes) -> None:
    try:
        wire.decode_observation(data, now=NOW, media="msgpack")
        for item in wire.split(data, "msgpack"):
            wire.decode_observation(item, now=NOW, media="msgpack")
    except InputError as error:
        assert error.detail


@given(st.binary(max_size=400))
def test_any_bytes_are_accepted_or_refused_never_worse(data: bytes) -> None:
    try:
        wire.decode_observation(data, now=NOW)
    except InputError as error:
        assert error.detail


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    azimuth=st.floats(0, 360),
    sigma=st.floats(0.01, 90),
    label=st.text(max_size=50).filter(lambda text: text.isprintable()),
)
def test_accepted_observations_survive_json_and_batches(
    lat: float, lon: float, azimuth: float, sigma: float, label: str
) -> None:
    data = changed(lat=lat, lon=lon, azimuth_deg=azimuth, sigma_deg=sigma, label=label)
    observation = wire.decode_observation(data, now=NOW)
    assert wire.decode_observation(wire.encode(observation), now=NOW) == observation
    assert wire.decode_batch(wire.encode_batch([observation])) == [observation]
