"""C9: the gateway's metrics move: a real Prometheus sees each request, and each 503 that a stopped service causes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]


def count(page: str, **wanted: str) -> float:
    """Requests of the series that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "http_requests_total" and wanted.items() <= sample.labels.items()
    )


def test_prometheus_scrapes_every_service(stack: Any, monitoring: Any) -> None:
    up = {one["metric"]["job"] for one in monitoring.query("up == 1")}
    assert up >= set(stack.services) | {"ready", "broker"}
    assert {one["metric"]["service"] for one in monitoring.query("http_requests_total")} >= set(stack.services)


def test_requests_and_forced_errors_raise_exactly_their_series(stack: Any, monitoring: Any) -> None:
    wanted = {"service": "api-gateway", "method": "GET", "route": "/v1/sources"}
    before = {status: count(stack.metrics("api-gateway"), **wanted, status=status) for status in ("200", "503", "504")}
    for _ in range(3):
        assert stack.ask("GET", "/v1/sources")[0] == 200
    go_on = stack.freeze("summit_fabric")
    try:
        failed = [stack.ask("GET", "/v1/sources")[0] for _ in range(2)]
    finally:
        go_on()
    after = {status: count(stack.metrics("api-gateway"), **wanted, status=status) for status in before}
    assert set(failed) <= {503, 504}
    assert after["200"] - before["200"] == 3
    assert after["503"] + after["504"] - before["503"] - before["504"] == 2
    stack.until(lambda: stack.ask("GET", "/v1/sources")[0] == 200, within_s=30, what="fabric is back")
    query = 'sum(http_requests_total{service="api-gateway",route="/v1/sources",status=~"503|504"}) >= 2'
    stack.until(lambda: monitoring.query(query), within_s=10, what="Prometheus has seen it")


@pytest.mark.planted("an empty page, and a page on which the forced 503 is not counted")
@pytest.mark.parametrize("page", ["", 'http_requests_total{service="api-gateway",status="200"} 5\n'])
def test_a_counter_that_nothing_raises_is_noticed(page: str) -> None:
    assert count(page, service="api-gateway", status="503") == 0


@pytest.mark.planted("a lock without the library by which metrics are written: the service could not be imported")
def test_every_service_installs_what_its_metrics_need(locks_with: Callable[..., list[str]]) -> None:
    for app in ("api-gateway", "fabric", "fusion", "intelligence", "tasking"):
        lock = (ROOT / "apps" / app / "requirements.lock").read_text()
        assert locks_with("prometheus-client", lock=lock) == ["prometheus-client"], app
    assert locks_with("prometheus-client", lock="fastapi==1 \\\n") == []
