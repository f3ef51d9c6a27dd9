"""H2: whatever the OpenAPI page allows, and what it does not, is answered as it says: no 500, nothing undocumented."""

import json
import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

EXAMPLES = 3
LASTING = re.compile(r"/v1/(stream|session|export|bundles|keys|incidents/\{id\}/bundle)|/metrics")
"""Streams do not end, and signing in and keys are limited hard: they have tests of their own."""


def wrong(status: int, kind: str, body: bytes, documented: set[str]) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if status == 500:
        return "500"
    if status < 400:
        return "" if str(status) in documented | {"304"} else f"{status} is not documented"
    if not kind.startswith("application/problem+json"):
        return f"{status} is no problem document"
    return "" if json.loads(body)["status"] == status else "two statuses"


def test_the_gateway_answers_as_its_page_says(stack: Any) -> None:
    schema = schemathesis.openapi.from_url(f"{stack.gateway}/openapi.json")
    key, found = {"Authorization": f"Bearer {stack.key}"}, []

    def attack(operation: Any) -> None:
        documented = set(operation.definition.raw["responses"])

        @seed(5)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
        def one(case: Any) -> None:
            answer = case.call(headers=key, timeout=10)
            kind = (answer.headers.get("content-type") or [""])[0]
            what = wrong(answer.status_code, kind, answer.content, documented)
            if what:
                found.append(f"{operation.label}: {what}: {answer.content[:120]!r}")

        one()

    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if LASTING.search(operation.path) is None:
            attack(operation)
            asked += 1
    assert asked > 30
    assert found == []


def test_an_undocumented_answer_is_noticed() -> None:
    assert wrong(500, "application/problem+json", b"{}", {"200"}) == "500"
    assert "not documented" in wrong(202, "application/json", b"{}", {"200"})
    assert "no problem" in wrong(422, "application/json", b"{}", {"200"})
