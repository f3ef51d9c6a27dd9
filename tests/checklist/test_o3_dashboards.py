"""O3: dashboards are code, provisioned, and every panel has data on a running stack."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checklist_monitoring import INFRA

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = sorted((INFRA / "grafana" / "provisioning" / "dashboards").glob("*.json"))


def _panels(path: Path) -> list[tuple[str, str]]:
    return [(one["title"], one["targets"][0]["expr"]) for one in json.loads(path.read_text())["panels"]]


def empty(panels: list[tuple[str, str]], monitoring: Any) -> list[str]:
    """The panels whose query gives nothing."""
    return [title for title, expression in panels if not monitoring.query(expression)]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_has_data(stack: Any, monitoring: Any, fed: None, path: Path) -> None:
    panels = _panels(path)
    assert stack.until(lambda: not empty(panels, monitoring), within_s=30, what=f"data in every panel of {path.name}")


@pytest.mark.planted("a panel on a metric that nobody exports, and one that does not parse")
def test_panels_without_data_are_noticed(monitoring: Any) -> None:
    assert empty([("good", "up"), ("planted", "summit_nobody_exports_this")], monitoring) == ["planted"]
    with pytest.raises(AssertionError, match="parse error"):
        empty([("planted", "sum by (service (up)")], monitoring)


def test_they_are_what_the_script_writes_and_are_provisioned() -> None:
    script = ROOT / "scripts" / "dashboards.py"
    assert subprocess.run([sys.executable, script, "--check"], capture_output=True).returncode == 0
    assert {path.stem for path in DASHBOARDS} == {"operations", "data-path", "http", "fusion"}
    provider = (INFRA / "grafana" / "provisioning" / "dashboards" / "summit.yml").read_text()
    assert "path: /etc/grafana/provisioning/dashboards" in provider
    assert "uid: prometheus" in (INFRA / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
