"""O1: alerts on errors as a share of requests, per service; each weaker rule of the kind fails the same unit tests."""

from collections.abc import Callable

import pytest

Judge = Callable[..., bool]
RATIO = "service:http_errors:ratio_rate5m > 0.01"


def test_the_rules_tell_a_bad_hour_from_a_good_one(judge_rules: Judge) -> None:
    assert judge_rules("error_ratio.yml")


@pytest.mark.planted("an absolute rate for a share, no least traffic, no service, a metric that nobody exports")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (RATIO, 'sum by (service) (rate(http_requests_total{status=~"5.."}[5m])) > 0.01'),
        (" and service:http_requests:rate5m * 300 > 20", ""),
        (" and service:http_requests:rate1h * 3600 > 10", " and service:http_requests:rate1h > 10"),
        ("sum by (service) (rate(http_requests_total", "sum (rate(http_requests_total"),
        ('{route!~"/livez|/readyz|/health|/metrics|/v1/stream",status=~"5..",status!="501"}', '{status=~"5.."}'),
        ("http_requests_total", "http_errors_total"),
    ],
    ids=[
        "a rate is no ratio",
        "no least traffic",
        "too much least traffic",
        "no service",
        "probes and 501",
        "no metric",
    ],
)
def test_a_weaker_rule_is_noticed(judge_rules: Judge, old: str, new: str) -> None:
    assert not judge_rules("error_ratio.yml", (old, new))
