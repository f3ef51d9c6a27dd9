"""O2: latency by service and route template, with an edge at half a second; probes and streams are no requests."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

Judge = Callable[..., bool]
UNTIMED = {"/livez", "/readyz", "/health", "/metrics", "/v1/stream"}
MOST_ROUTES = 120


def problems(page: str) -> list[str]:
    """What is wrong with the histograms of a page."""
    edges: set[str] = set()
    routes: set[str] = set()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "http_request_duration_seconds_bucket":
                edges.add(sample.labels["le"])
                routes.add(sample.labels["route"])
    found = [] if "0.5" in edges else ["no edge at 0.5"]
    found += [f"{route} is timed" for route in sorted(routes & UNTIMED)]
    found += [f"{route} names a thing" for route in sorted(routes) if re.search(r"[0-9a-f]{8}|/\d+", route)]
    return found + (["too many routes"] if len(routes) > MOST_ROUTES else [])


def test_the_pages_have_templates_and_the_edge(stack: Any) -> None:
    for number in range(30):
        stack.ask("GET", f"/v1/entities/0000{number:04d}")
        stack.ask("GET", f"/nothing/{number}")
    stack.metrics("api-gateway")
    assert problems(stack.metrics("api-gateway")) == []


@pytest.mark.planted("raw paths with ids, no edge at 0.5 s, probes that are timed, too many routes")
@pytest.mark.parametrize(
    "line",
    [
        'http_request_duration_seconds_bucket{route="/v1/x",le="1.0"} 1',
        'http_request_duration_seconds_bucket{route="/readyz",le="0.5"} 1',
        'http_request_duration_seconds_bucket{route="/v1/entities/00000001",le="0.5"} 1',
        "\n".join(f'http_request_duration_seconds_bucket{{route="/v1/x{"y" * n}",le="0.5"}} 1' for n in range(130)),
    ],
)
def test_a_wrong_page_is_noticed(line: str) -> None:
    page = f"# TYPE http_request_duration_seconds histogram\n{line}\n"
    assert len(problems(page)) == 1


def test_the_rules_tell_slow_from_quick(judge_rules: Judge) -> None:
    assert judge_rules("latency.yml")


@pytest.mark.planted("a histogram without the edge, without a service, with streams in it")
@pytest.mark.parametrize(
    ("old", "new"),
    [('le="0.5"', 'le="0.3"'), ("sum by (service) (rate(http_request_d", "sum (rate(http_request_d"),
     ('route!~"/livez|/readyz|/health|/metrics|/v1/stream"', 'route!~"x"')],
    ids=["no such edge", "no service", "streams count"],
)  # fmt: skip
def test_a_weaker_rule_is_noticed(judge_rules: Judge, old: str, new: str) -> None:
    assert not judge_rules("latency.yml", (old, new))
