"""H6: every service exports its list of names, the way of the data too; what rules and dashboards name exists."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from checklist_monitoring import INFRA, metric_names
from prometheus_client.parser import text_string_to_metric_families

EVERY = {
    "http_requests_total", "http_request_duration_seconds_bucket", "process_resident_memory_bytes",
    "process_cpu_seconds_total", "process_open_fds", "python_gc_collections_total", "summit_build_info",
    "summit_event_loop_lag_seconds_bucket", "summit_consumer_lag_messages", "summit_loop_failures_total",
}  # fmt: skip
OWN = {
    "api-gateway": {
        "summit_breaker_state", "summit_stream_clients", "summit_stream_skipped_total", "summit_postgres_pool_open",
        "summit_observations_received_total", "summit_certificate_not_after_seconds",
    },
    "fabric": {
        "summit_stream_pending_messages", "summit_stream_bytes", "summit_stream_limit_bytes", "summit_stream_messages",
        "summit_dead_letters", "summit_sources", "summit_sources_silent", "summit_source_silent",
        "summit_source_last_message_age_seconds", "summit_source_clock_offset_seconds", "summit_postgres_pool_idle",
        "summit_postgres_pool_limit", "summit_ingest_to_visible_seconds_bucket", "summit_observations_rejected_total",
    },
    "fusion": {"summit_ingest_to_visible_seconds_bucket", "summit_fusion_tracks", "summit_fusion_scan_seconds_bucket"},
}  # fmt: skip
MOST_SERIES = 2000
NOT_OURS = re.compile(r"up|probe_\w+|ALERTS|prometheus\w*|service:http_\w+:r\w+")
SAMPLES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def exported(page: str) -> set[str]:
    """Every name that a page has samples of, or that a service declares and will have samples of."""
    names = {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}
    for family in text_string_to_metric_families(page):
        names |= {family.name + end for end in SAMPLES.get(family.type, ("",))}
    return names


def named() -> Iterator[tuple[str, str]]:
    """Each expression of a rule or a panel, and where it stands."""
    for line in (INFRA / "prometheus-alerts.yml").read_text().splitlines():
        if match := re.match(r"\s+expr: '(.*)'$", line):
            yield match[1], "rules"
    for path in sorted((INFRA / "grafana").rglob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            yield panel["targets"][0]["expr"], f"{path.name}: {panel['title']}"


def absent(expressions: Iterator[tuple[str, str]], names: set[str]) -> list[str]:
    return [
        f"{where}: {name}"
        for expression, where in expressions
        for name in sorted(metric_names(expression))
        if name not in names and not NOT_OURS.fullmatch(name)
    ]


@pytest.mark.parametrize("service", ["api-gateway", "fabric", "fusion", "intelligence", "tasking"])
def test_each_service_exports_its_list(stack: Any, service: str) -> None:
    assert (EVERY | OWN.get(service, set())) - exported(stack.metrics(service)) == set()


def test_every_name_in_rules_and_dashboards_is_exported(stack: Any) -> None:
    names = set().union(*(exported(stack.metrics(service)) for service in stack.services))
    assert absent(named(), names) == []
    assert len(list(named())) > 60


@pytest.mark.planted("a rule on a metric that nobody exports")
def test_a_wrong_name_is_noticed(stack: Any) -> None:
    names = exported(stack.metrics("fabric"))
    planted = iter([("rate(summit_observation_rejected_total[5m])", "planted"), ("summit_dead_letters > 3", "good")])
    assert absent(planted, names) == ["planted: summit_observation_rejected_total"]


def too_many(page: str) -> list[str]:
    """Metrics with more series than bounded labels can make."""
    counted = Counter(re.findall(r"^\w+", page, flags=re.MULTILINE))
    return sorted(name for name, series in counted.items() if series > MOST_SERIES)


@pytest.mark.planted("a page with a series for each id")
def test_the_number_of_series_is_bounded(stack: Any) -> None:
    assert {name: found for name in stack.services if (found := too_many(stack.metrics(name)))} == {}
    ids = [f'http_requests_total{{route="/v1/entities/{number}"}} 1' for number in range(MOST_SERIES + 1)]
    assert too_many("\n".join(ids)) == ["http_requests_total"]


def test_the_data_path_is_measured(stack: Any, fed: None) -> None:
    def sources() -> bool:
        page = stack.metrics("fabric")
        return (
            'summit_source_last_message_age_seconds{source="checklist-mast"}' in page
            and re.search(r"summit_dead_letters [1-9]", page) is not None
        )

    assert stack.until(sources, within_s=20, what="the age of the last message, and the dead letter")
