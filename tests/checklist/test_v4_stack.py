"""V4: the stack starts healthy, and says so with an exit code when it does not (tests/stack)."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUMMIT = Path(sysconfig.get_path("scripts")) / "summit"


@pytest.mark.parametrize(
    "name",
    [
        "test_nothing_starts_without_secrets",
        "test_every_container_is_confined",
        "test_a_wrong_database_password_ends_with_a_code_and_a_line",
        "test_what_comes_by_http_and_mqtt_is_in_the_picture",
        "test_prometheus_scrapes_every_service",
        "test_an_alert_reaches_a_receiver_when_a_service_stops",
        "test_health_fails_for_each_service_that_stops_and_passes_again",
        "test_the_whole_log_is_json_without_a_secret",
    ],
)
def test_the_stack_was_seen_to(stack_result: Callable[..., None], name: str) -> None:
    assert stack_result(name)


def _health(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [SUMMIT, "health", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)


def test_health_of_a_running_system_is_an_exit_code(stack: Any) -> None:
    assert _health("--state-dir", stack.state_dir, "--within", "30").returncode == 0


@pytest.mark.planted("nothing listens")
def test_nothing_listening_is_an_exit_code(tmp_path: Path) -> None:
    assert _health("--state-dir", tmp_path).returncode == 1


@pytest.mark.planted("a service without its secrets")
def test_a_planted_refusal_to_start_is_an_exit_code() -> None:
    ended = subprocess.run([sys.executable, "-m", "summit_fabric"], env={}, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "SUMMIT_SERVICE_KEY" in ended.stdout + ended.stderr


@pytest.mark.planted("one service of a running system that does not answer any more")
def test_one_service_that_hangs_is_an_exit_code(stack: Any) -> None:
    go_on = stack.freeze("summit_tasking")
    try:
        assert _health("--state-dir", stack.state_dir, "--within", "1").returncode == 1
    finally:
        go_on()
    assert _health("--state-dir", stack.state_dir, "--within", "30").returncode == 0
