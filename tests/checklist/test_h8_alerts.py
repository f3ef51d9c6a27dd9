"""H8: the rules are valid, routed, up to date and as their unit tests say; an alert of a stopped service arrives."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra" / "docker"
Judge = Callable[..., bool]
Tool = Callable[[str], str]


def _runs(*command: str | Path) -> bool:
    return subprocess.run([str(word) for word in command], capture_output=True).returncode == 0


@pytest.mark.planted("a route to a receiver that does not exist")
def test_the_configurations_are_valid(tool: Tool, tmp_path: Path) -> None:
    assert _runs(tool("promtool"), "check", "config", INFRA / "prometheus.yml")
    assert _runs(tool("amtool"), "check-config", INFRA / "alertmanager.yml")
    blackbox = tool("prometheus-blackbox-exporter")
    assert _runs(blackbox, "--config.check", "--config.file", INFRA / "blackbox.yml")
    planted = tmp_path / "alertmanager.yml"
    planted.write_text((INFRA / "alertmanager.yml").read_text().replace("receiver: heartbeat", "receiver: nobody"))
    assert not _runs(tool("amtool"), "check-config", planted)


@pytest.mark.parametrize(
    ("severity", "receiver"), [("page", "operations"), ("ticket", "operations"), ("none", "heartbeat")]
)
def test_alerts_are_routed(tool: Tool, severity: str, receiver: str) -> None:
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={INFRA / 'alertmanager.yml'}"]
    assert _runs(*command, f"--verify.receivers={receiver}", f"severity={severity}")
    assert not _runs(*command, "--verify.receivers=nobody", f"severity={severity}")


def test_the_rules_are_in_rule_files_and_what_the_script_writes() -> None:
    assert re.search(r"^rule_files: \[prometheus-alerts\.yml\]$", (INFRA / "prometheus.yml").read_text(), re.MULTILINE)
    assert "./prometheus-alerts.yml:/etc/prometheus/prometheus-alerts.yml" in (INFRA / "docker-compose.yml").read_text()
    assert _runs(sys.executable, ROOT / "scripts" / "alert_rules.py", "--check")


@pytest.mark.planted("a rule that was changed by hand")
def test_a_rule_that_was_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "alert_rules.py"
    script.parent.mkdir()
    (tmp_path / "infra" / "docker").mkdir(parents=True)
    script.write_text((ROOT / "scripts" / "alert_rules.py").read_text())
    assert _runs(sys.executable, script) and _runs(sys.executable, script, "--check")
    with (tmp_path / "infra" / "docker" / "prometheus-alerts.yml").open("a") as rules:
        rules.write("# mine\n")
    assert not _runs(sys.executable, script, "--check")


def test_what_is_wrong_on_the_way_of_the_data_is_told(judge_rules: Judge) -> None:
    assert judge_rules("data_path.yml")


@pytest.mark.planted("rules that never fire: another metric, limit or sign; their unit tests are run on each")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("up == 0", "up == 2"),
        ("summit_stream_pending_messages > 5000", "summit_stream_pending_messages > 50000"),
        ("abs(summit_source_clock_offset_seconds)", "summit_source_clock_offset_seconds"),
        ("vector(1)", "vector(1) > 1"),
        ("- time() < 2 * 86400", "< 2 * 86400"),
    ],
)
def test_a_rule_that_does_not_see_it_is_noticed(judge_rules: Judge, old: str, new: str) -> None:
    assert not judge_rules("data_path.yml", (old, new))


def test_the_alert_of_a_stopped_service_reaches_the_receiver(stack: Any, monitoring: Any) -> None:
    def told(name: str, status: str, **labels: str) -> bool:
        return any(
            one["status"] == status and {"alertname": name, **labels}.items() <= one["labels"].items()
            for one in monitoring.told
        )

    go_on = stack.freeze("summit_tasking")
    try:
        for name, labels in {"ServiceDown": {"job": "tasking"}, "NotReady": {}}.items():
            stack.until(lambda n=name, a=labels: told(n, "firing", **a), within_s=30, what=f"{name} is told")
    finally:
        go_on()
    stack.until(lambda: told("ServiceDown", "resolved", job="tasking"), within_s=30, what="that it is back is told")
    stack.until(lambda: told("DeadMansSwitch", "firing"), within_s=10, what="the sign of life")
    assert not told("ServiceDown", "firing", job="intelligence")


def unexpanded(text: str) -> list[str]:
    """Variables in a file of a program that expands none."""
    return re.findall(r"\$\{[^}]*\}", re.sub(r"#.*", "", text))


@pytest.mark.planted("a variable in Alertmanager's file, which Alertmanager takes for an address")
def test_no_configuration_waits_for_a_shell() -> None:
    for name in ("alertmanager.yml", "prometheus.yml", "blackbox.yml"):
        assert unexpanded((INFRA / name).read_text()) == [], name
    assert unexpanded("url: ${ALERT_WEBHOOK:-http://receiver:9000}\n") == ["${ALERT_WEBHOOK:-http://receiver:9000}"]
