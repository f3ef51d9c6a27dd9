"""Writes the dashboards of Grafana, in infra/docker/grafana; ``--check`` fails when one is out of date."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "infra" / "docker" / "grafana" / "provisioning" / "dashboards"
WORK: Final = 'route!~"/livez|/readyz|/health|/metrics|/v1/stream"'
Panel = tuple[str, str, str, str]
"""Title, PromQL, legend, unit."""

DASHBOARDS: Final[Mapping[str, tuple[str, list[Panel]]]] = {
    "operations": ("Operations overview", [
        ("Services up", "up", "{{job}}", "short"),
        ("Alerts that fire", 'ALERTS{alertstate="firing"}', "{{alertname}} {{job}}{{service}}", "short"),
        ("Ready, seen from outside", 'probe_success{job="ready"}', "{{instance}}", "short"),
        ("Observations a second", "sum(rate(summit_observations_received_total[5m]))", "received", "ops"),
        ("Sources silent", "summit_sources_silent", "silent", "short"),
        ("Memory", "process_resident_memory_bytes", "{{job}}", "bytes"),
        ("Processor time", "rate(process_cpu_seconds_total[5m])", "{{job}}", "percentunit"),
        ("Event loop late, 95 %",
         "histogram_quantile(0.95, sum by (job, le) (rate(summit_event_loop_lag_seconds_bucket[5m])))", "{{job}}", "s"),
        ("Garbage collections a second", "sum by (job) (rate(python_gc_collections_total[5m]))", "{{job}}", "ops"),
        ("PostgreSQL connections in use", "summit_postgres_pool_open - summit_postgres_pool_idle", "{{job}}", "short"),
        ("What runs", "summit_build_info", "{{service}} {{version}}", "short"),
    ]),
    "data-path": ("Data path", [
        ("Messages that wait", "summit_stream_pending_messages", "{{stream}} {{consumer}}", "short"),
        ("Fill of the streams", "summit_stream_bytes / (summit_stream_limit_bytes > 0)", "{{stream}}", "percentunit"),
        ("Messages in the streams", "summit_stream_messages", "{{stream}}", "short"),
        ("Ingest to visible, 95 %",
         "histogram_quantile(0.95, sum by (job, le) (rate(summit_ingest_to_visible_seconds_bucket[5m])))",
         "{{job}}", "s"),
        ("Refused, by reason", "sum by (code) (rate(summit_observations_rejected_total[5m]))", "{{code}}", "ops"),
        ("Dead letters kept", "summit_dead_letters", "dead letters", "short"),
        ("Age of the last message", "summit_source_last_message_age_seconds", "{{source}}", "s"),
        ("Clock of the source ahead of ours", "summit_source_clock_offset_seconds", "{{source}}", "s"),
        ("Missing sequence numbers", "summit_source_gaps", "{{source}}", "short"),
        ("Messages handled a second", "rate(summit_messages_consumed_total[5m])", "{{consumer}}", "ops"),
        ("Stream clients", "summit_stream_clients", "clients", "short"),
        ("Frames skipped for slow clients", "rate(summit_stream_skipped_total[5m])", "skipped", "ops"),
    ]),
    "http": ("HTTP and objectives", [
        ("Requests a second", f"sum by (service) (rate(http_requests_total{{{WORK}}}[5m]))", "{{service}}", "reqps"),
        ("Share of requests over half a second", "service:http_slow:ratio_rate5m", "{{service}}", "percentunit"),
        ("Requests by status", "sum by (service, status) (rate(http_requests_total[5m]))",
         "{{service}} {{status}}", "reqps"),
        ("95 % of requests, by route",
         "histogram_quantile(0.95, sum by (service, route, le) (rate(http_request_duration_seconds_bucket[5m])))",
         "{{service}} {{route}}", "s"),
        ("Requests in an hour", "service:http_requests:rate1h * 3600", "{{service}}", "short"),
    ]),
    "fusion": ("Fusion", [
        ("Tracks", "sum by (freshness) (summit_fusion_tracks)", "{{freshness}}", "short"),
        ("Time for a scan, 95 %",
         "histogram_quantile(0.95, sum by (le) (rate(summit_fusion_scan_seconds_bucket[5m])))", "95 %", "s"),
        ("Late detections", "rate(summit_fusion_detections_late_total[5m])", "late", "ops"),
        ("Checkpoint", "summit_fusion_checkpoint_bytes", "size", "bytes"),
    ]),
}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """Two panels a row."""
    title, panels = DASHBOARDS[name]
    made = [
        {
            "id": number + 1, "title": panel, "type": "timeseries",
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "targets": [{"refId": "A", "expr": expression, "legendFormat": legend}],
        }
        for number, (panel, expression, legend, unit) in enumerate(panels)
    ]  # fmt: skip
    return {"uid": f"summit-{name}", "title": title, "schemaVersion": 39, "refresh": "15s",
            "time": {"from": "now-1h", "to": "now"}, "panels": made}  # fmt: skip


def main() -> int:
    texts = {FOLDER / f"{name}.json": json.dumps(dashboard(name), indent=1) + "\n" for name in DASHBOARDS}
    if "--check" not in sys.argv[1:]:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        return 0
    old = [path.name for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if old:
        print(f"out of date: {', '.join(old)}; run scripts/dashboards.py", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
