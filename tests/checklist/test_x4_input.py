"""X4: whatever is wrong with an observation is refused by the name of its field, over HTTP and on the bus alike."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from gateway_harness import Gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core import wire
from summit_core.clock import SystemClock
from summit_core.errors import InputError

GOOD = {
    "kind": "detection",
    "source": "cam-1",
    "observed_at": "2026-01-01T00:00:00Z",
    "lat": 39.5,
    "lon": -121.5,
    "confidence": 0.5,
    "class": "smoke",
}
_not_a_number = st.sampled_from(["1", [], {}, True])
_far = st.floats(allow_nan=False, allow_infinity=False, width=32)
WRONG: dict[str, st.SearchStrategy[Any]] = {
    "lat": _not_a_number | _far.filter(lambda value: abs(value) > 90),
    "lon": _not_a_number | _far.filter(lambda value: abs(value) > 180),
    "confidence": st.sampled_from(["500 %", "0.5"]) | _far.filter(lambda value: not 0 <= value <= 1),
    "source": st.sampled_from(["", "a b", "<b>", "x" * 65, 7, None, "a/b", "é"]),
    "class": st.sampled_from(["x" * 1_000, 7, [], "<script>alert(1)</script>", "Smoke!"]),
    "observed_at": st.sampled_from(["now", "2099-01-01T00:00:00Z", "1200-01-01T00:00:00Z", 7, "", None, "2026-13-01"]),
    "seq": st.sampled_from([-1, 2**63, "1", 1.5]),
}
wrongs = st.sampled_from(sorted(WRONG)).flatmap(lambda field: st.tuples(st.just(field), WRONG[field]))


def refused_by(item: bytes) -> str | None:
    """The field that the bus's own judgement names; an empty text when it names none; None when it takes it."""
    try:
        wire.decode_observation(item, now=SystemClock().now())
    except InputError as error:
        return error.field or ""
    return None


def not_by_name(found: str | None, field: str) -> bool:
    return found is None or found.split("[")[0].split(".")[0] != field


@settings(max_examples=300, deadline=None)
@given(wrongs)
def test_every_wrong_field_is_refused_by_its_name(wrong: tuple[str, Any]) -> None:
    field, value = wrong
    found = refused_by(json.dumps(GOOD | {field: value}).encode())
    assert not not_by_name(found, field), f"{field}={value!r}: {found}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["lat", "confidence"])
def test_what_is_no_finite_number_is_refused_by_its_name(field: str, number: str) -> None:
    text = json.dumps(GOOD).replace(f'"{field}": {GOOD[field]}', f'"{field}": {number}')
    assert number in text
    assert refused_by(text.encode()) == field


def test_what_is_right_is_taken_and_the_check_sees_it() -> None:
    assert refused_by(json.dumps(GOOD).encode()) is None
    assert not_by_name(refused_by(json.dumps(GOOD).encode()), "lat"), "a check that finds nothing wrong here is none"
    assert not_by_name("lon", "lat")


@pytest.mark.planted(
    "a door that takes whatever is JSON: latitude 999, 500 % confidence, the year 2099, HTML in a class"
)
def test_a_door_that_checks_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "decode_observation", lambda data, **_: json.loads(data))
    for field, value in [*_examples(), ("class", "<script>")]:
        assert not_by_name(refused_by(json.dumps(GOOD | {field: value}).encode()), field)


def _examples() -> Iterator[tuple[str, Any]]:
    yield from (("lat", value) for value in (999, "1", {}, 90.01))
    yield from (("lon", value) for value in (181, -180.5, []))
    yield from (("confidence", value) for value in (1.5, "500 %"))
    yield from (("source", value) for value in ("", "<script>", "x" * 65))
    yield from (("observed_at", value) for value in ("now", "2099-01-01T00:00:00Z"))


async def test_http_says_the_same_as_the_bus(gateway: Gateway) -> None:
    wrong = list(_examples())
    items = [GOOD | {field: value} for field, value in wrong]
    status, outcome = await gateway.post("/v1/observations", [*items, GOOD])
    assert (status, outcome["accepted"]) == (202, 1)
    said = [one["field"] for one in outcome["rejected"]]
    assert said == [refused_by(json.dumps(item).encode()) for item in items]
    assert said == [field for field, _ in wrong]
    status, outcome = await gateway.post("/v1/observations", items[0])
    assert (status, outcome["accepted"]) == (422, 0)


async def test_more_than_a_message_may_have_is_refused(gateway: Gateway) -> None:
    status, outcome = await gateway.post("/v1/observations", GOOD | {"class": "x" * wire.MAX_MESSAGE_BYTES})
    assert (status, outcome["rejected"][0]["code"]) == (422, "too_large")
