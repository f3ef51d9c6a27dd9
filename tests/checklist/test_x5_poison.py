"""X5, X6: one bad message stops and poisons nothing, and nothing downstream is made of what was refused."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import nats
import pytest

_spec = importlib.util.spec_from_file_location("e2e_bad_input", Path(__file__).parents[1] / "e2e" / "test_bad_input.py")
assert _spec is not None and _spec.loader is not None
bad_input = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bad_input)

GOOD = 100
LISTS = ("observations", "sources", "entities", "incidents", "alerts", "advisories", "tasks", "dead-letters")
PICTURE = ("incidents", "alerts", "advisories", "tasks")


def items(stack: Any, path: str) -> list[Any]:
    status, _, body = stack.ask("GET", path)
    assert status == 200, f"{path}: {status} {body[:200]!r}"
    found: list[Any] = json.loads(body)["items"]
    return found


def stored(stack: Any, source: str) -> int:
    return int(json.loads(stack.ask("GET", f"/v1/observations/count?source={source}")[2])["count"])


def _no_number(word: str) -> None:
    pytest.fail(f"the list holds {word}")


def unpoisoned(stack: Any) -> None:
    """Every list answers, with JSON that has no NaN in it."""
    for name in LISTS:
        status, _, body = stack.ask("GET", f"/v1/{name}?limit=200")
        assert status == 200, f"/v1/{name}: {status}"
        json.loads(body, parse_constant=_no_number)


async def send(stack: Any, messages: list[tuple[str, bytes]]) -> None:
    connection = await nats.connect(stack.endpoints["nats"])
    for kind, payload in messages:
        await connection.jetstream().publish(f"observations.{kind}", payload)
    await connection.close()


@pytest.fixture(scope="module")
def source() -> str:
    return "x5-sensor"


async def test_after_the_whole_corpus_a_hundred_good_ones_arrive(stack: Any, source: str) -> None:
    corpus = bad_input.corpus(source)
    # what would be believed if it were not refused: smoke with a confidence of five, and at no place on earth
    smoke = {"kind": "bearing", "azimuth_deg": 10.0, "sigma_deg": 1.0, "class": "smoke", "confidence": 5.0}
    corpus |= {
        "confidence": ("bearing", json.dumps(bad_input.good(source) | smoke).encode(), "invalid_field"),
        "nowhere": ("bearing", json.dumps(bad_input.good(source) | smoke | {"lat": 999}).encode(), "invalid_field"),
        "bytes": ("measurement", b"\xff\xfe\x00", "invalid_utf8"),
    }
    await send(stack, [(kind, payload) for kind, payload, _ in corpus.values()])
    await send(stack, [("measurement", json.dumps(bad_input.good(source, value=k)).encode()) for k in range(GOOD)])
    stack.until(lambda: stored(stack, source) == GOOD, within_s=20, what=f"{GOOD} good observations after the bad ones")
    unpoisoned(stack)
    expected = sorted(code for _, _, code in corpus.values())

    def refused() -> bool:
        letters = items(stack, "/v1/dead-letters?limit=1000")
        codes = [one["code"] for one in letters if one["door"] == "nats" and one.get("source") in {source, None}]
        return all(codes.count(code) >= expected.count(code) for code in expected)

    stack.until(refused, within_s=10, what=f"a dead letter for each of {expected}")

    def accounted() -> bool:
        return bool(json.loads(stack.ask("GET", f"/v1/sources/{source}")[2])["rejected"] >= 5)

    assert stack.until(accounted, within_s=10, what="the account of the source")
    made = [one for name in PICTURE for one in items(stack, f"/v1/{name}?limit=1000") if source in json.dumps(one)]
    assert made == [], "something was made of what was refused"


@pytest.mark.planted("a list with NaN in it, and one good observation that is missing")
async def test_the_check_is_red_when_a_list_is_poisoned_or_an_observation_is_missing(stack: Any, source: str) -> None:
    class Poisoned:
        def ask(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
            return 200, {}, b'{"items":[{"value":NaN}]}'

    with pytest.raises(pytest.fail.Exception, match="holds NaN"):
        unpoisoned(Poisoned())
    with pytest.raises(AssertionError, match="good observations"):
        stack.until(lambda: stored(stack, source) == GOOD + 1, within_s=0.2, what="good observations")
