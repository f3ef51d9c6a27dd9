"""V5: every service has a metrics page on which its requests are counted; an absent or empty one is noticed."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

SERVICES = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")


def counted(page: str, service: str) -> float:
    """Requests counted for a service; 0 when the page says nothing of it."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.labels["service"] == service
    )


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_counts_its_requests(stack: Any, service: str) -> None:
    before = counted(stack.metrics(service), service)
    assert counted(stack.metrics(service), service) > before


@pytest.mark.planted("an empty page, and the page of another service")
def test_a_page_without_requests_is_noticed() -> None:
    assert counted("", "fabric") == 0
    assert counted('http_requests_total{service="tasking"} 3\n', "fabric") == 0
