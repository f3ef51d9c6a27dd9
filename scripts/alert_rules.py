"""Writes infra/docker/prometheus-alerts.yml: the recording rules and alerts. ``--check`` fails when it is out of date.

The alerts on objectives are those of the Site Reliability Workbook, chapter 5 (multi-window, multi-burn-rate): a budget
that is spent N times too fast, over a long window and over one a twelfth as long, so that an alert ends when the
trouble does. docs/ops/slo.md has the objectives.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).resolve().parents[1] / "infra" / "docker" / "prometheus-alerts.yml"
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
WORK: Final = 'route!~"/livez|/readyz|/health|/metrics|/v1/stream"'
"""Probes are no work. A 501 is a word that is no method: the caller's fault, which must not spend our budget."""
BURNS: Final = (
    ("1h", "5m", 14.4, "2m", "page"),
    ("6h", "30m", 6.0, "15m", "page"),
    ("1d", "2h", 3.0, "1h", "ticket"),
    ("3d", "6h", 1.0, "3h", "ticket"),
)
LEAST_REQUESTS: Final = 10
"""In the long window. Fewer say nothing about a ratio."""


@dataclass(frozen=True, slots=True)
class Alert:
    """``after``: how long it must hold. ``severity``: page (somebody gets up), ticket (tomorrow) or none."""

    name: str
    expr: str
    after: str
    severity: str
    summary: str


def _ratios() -> Iterator[tuple[str, str]]:
    for window in WINDOWS:
        all_requests = f"sum by (service) (rate(http_requests_total{{{WORK}}}[{window}]))"
        errors = f'sum by (service) (rate(http_requests_total{{{WORK},status=~"5..",status!="501"}}[{window}]))'
        quick = f'sum by (service) (rate(http_request_duration_seconds_bucket{{{WORK},le="0.5"}}[{window}]))'
        timed = f"sum by (service) (rate(http_request_duration_seconds_count{{{WORK}}}[{window}]))"
        yield f"service:http_requests:rate{window}", all_requests
        yield f"service:http_errors:ratio_rate{window}", f"{errors} / ({all_requests} > 0)"
        yield f"service:http_slow:ratio_rate{window}", f"1 - {quick} / ({timed} > 0)"


def _seconds(window: str) -> int:
    return int(window[:-1]) * {"m": 60, "h": 3600, "d": 86400}[window[-1]]


def _burns() -> Iterator[Alert]:
    objectives = (("Errors", "http_errors", 0.001, "are errors"), ("Latency", "http_slow", 0.05, "take over 0.5 s"))
    for name, ratio, budget, what in objectives:
        for long, short, factor, after, severity in BURNS:
            limit = f"{factor * budget:.6g}"
            enough = f"service:http_requests:rate{long} * {_seconds(long)} > {LEAST_REQUESTS}"
            expr = f"service:{ratio}:ratio_rate{long} > {limit} and service:{ratio}:ratio_rate{short} > {limit}"
            yield Alert(
                f"{name}BudgetBurn{long}", f"{expr} and {enough}", after, severity,
                f"{{{{ $labels.service }}}}: {{{{ $value | humanizePercentage }}}} of the requests of {long} {what},"
                f" {factor:g} times what the objective allows",
            )  # fmt: skip


def _services() -> Iterator[Alert]:
    yield Alert(
        "ErrorRatioHigh", "service:http_errors:ratio_rate5m > 0.01 and service:http_requests:rate5m * 300 > 20",
        "2m", "page", "{{ $labels.service }}: {{ $value | humanizePercentage }} of the requests are errors",
    )  # fmt: skip
    yield Alert("ServiceDown", "up == 0", "1m", "page", "{{ $labels.job }} does not answer Prometheus")
    yield Alert(
        "NotReady", 'probe_success{job="ready"} == 0', "1m", "page", "{{ $labels.instance }} is not ready or not there"
    )
    yield Alert(
        "BreakerOpen", "max by (upstream) (summit_breaker_state) == 2", "1m", "page",
        "calls to {{ $labels.upstream }} are cut off",
    )  # fmt: skip
    yield Alert(
        "LoopFailing", "increase(summit_loop_failures_total[10m]) > 3", "5m", "ticket",
        "{{ $labels.job }}: the loop {{ $labels.loop }} fails again and again",
    )  # fmt: skip
    yield Alert(
        "EventLoopLate",
        "histogram_quantile(0.95, sum by (job, le) (rate(summit_event_loop_lag_seconds_bucket[5m]))) > 0.25",
        "5m", "ticket", "{{ $labels.job }}: everything waits {{ $value | humanizeDuration }} for its turn",
    )  # fmt: skip
    yield Alert(
        "PoolExhausted", "summit_postgres_pool_idle == 0 and summit_postgres_pool_open >= summit_postgres_pool_limit",
        "5m", "ticket", "{{ $labels.job }}: every connection to PostgreSQL is in use",
    )  # fmt: skip


def _data_path() -> Iterator[Alert]:
    yield Alert(
        "ConsumerLag", "summit_stream_pending_messages > 5000", "5m", "page",
        "{{ $labels.consumer }} is {{ $value }} messages behind in {{ $labels.stream }}",
    )  # fmt: skip
    yield Alert(
        "IngestToVisibleSlow",
        "histogram_quantile(0.95, sum by (job, le) (rate(summit_ingest_to_visible_seconds_bucket[5m]))) > 2",
        "5m", "page", "{{ $labels.job }}: what comes in is seen after {{ $value | humanizeDuration }}",
    )  # fmt: skip
    yield Alert(
        "StreamNearlyFull", "summit_stream_bytes / (summit_stream_limit_bytes > 0) > 0.85", "5m", "page",
        "{{ $labels.stream }} is {{ $value | humanizePercentage }} full; a full stream refuses what comes",
    )  # fmt: skip
    yield Alert("SourceSilent", "summit_source_silent == 1", "2m", "ticket", "{{ $labels.source }} has fallen silent")
    yield Alert(
        "ManySourcesSilent", "summit_sources_silent / (summit_sources > 3) > 0.25", "1m", "page",
        "{{ $value | humanizePercentage }} of the sources are silent",
    )  # fmt: skip
    yield Alert(
        "DeadLettersGrow", "sum by (code) (increase(summit_observations_rejected_total[10m])) > 50", "5m", "ticket",
        "{{ $value | humanize }} observations were refused in ten minutes: {{ $labels.code }}",
    )  # fmt: skip
    yield Alert("DeadLettersUnread", "summit_dead_letters > 1000", "15m", "ticket", "{{ $value }} dead letters wait")
    yield Alert(
        "ClockSkew", "abs(summit_source_clock_offset_seconds) > 5", "10m", "ticket",
        "the clock of {{ $labels.source }} is {{ $value | humanizeDuration }} off",
    )  # fmt: skip
    yield Alert(
        "AuditBroken", "summit_audit_broken > 0", "1m", "page",
        "somebody changed the audit of {{ $labels.organisation }}; summit audit verify names the record",
    )  # fmt: skip
    yield Alert("StreamSkips", "rate(summit_stream_skipped_total[5m]) > 10", "5m", "ticket", "consoles do not keep up")
    ends = "min by (name) (summit_certificate_not_after_seconds) - time()"
    yield Alert(
        "CertificateEndsSoon", f"{ends} < 14 * 86400", "1h", "ticket",
        "the certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}",
    )  # fmt: skip
    yield Alert(
        "CertificateEnds", f"{ends} < 2 * 86400", "5m", "page",
        "the certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }}",
    )  # fmt: skip


def _watchdog() -> Iterator[Alert]:
    yield Alert("DeadMansSwitch", "vector(1)", "0s", "none", "always there; its absence means that nothing is watched")


def text() -> str:
    lines = ["# Made by scripts/alert_rules.py; change it there.", "groups:", "- name: ratios", "  rules:"]
    for record, expr in _ratios():
        lines += [f"  - record: {record}", f"    expr: '{expr}'"]
    groups = {"objectives": _burns, "services": _services, "data-path": _data_path, "watchdog": _watchdog}
    for name, alerts in groups.items():
        lines += [f"- name: {name}", "  rules:"]
        for alert in alerts():
            lines += [f"  - alert: {alert.name}", f"    expr: '{alert.expr}'", f"    for: {alert.after}"]
            lines += [f"    labels: {{severity: {alert.severity}}}", f"    annotations: {{summary: '{alert.summary}'}}"]
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text(), encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text():
        return 0
    print(f"{TARGET} is out of date: run scripts/alert_rules.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
