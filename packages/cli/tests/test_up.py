"""`summit up` over real processes: the real NATS and PostgreSQL, with small stand-ins for the services."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

WAIT_S = 40.0

STAND_IN = """
import http.server, json, os, pathlib, signal, sys
NAME = {name!r}
if NAME == os.environ.get("TEST_BROKEN"):
    sys.exit("I am broken on purpose")
if NAME == os.environ.get("TEST_STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if path := os.environ.get("SUMMIT_ADMIN_KEY_FILE"):
    pathlib.Path(path).write_text("a-key")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        env = {{k: v for k, v in os.environ.items() if k.startswith("SUMMIT_")}}
        body = json.dumps({{"env": env, "pid": os.getpid()}})
        self.send_response(200); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SUMMIT_PORT"])), Handler).serve_forever()
"""
SCENARIO = """
import json, os, pathlib, sys
path = pathlib.Path(os.environ["TEST_SCENARIO_NOTE"])
path.write_text((path.read_text() if path.exists() else "") + json.dumps(sys.argv[1:]) + "\\n")
sys.exit(0 if len(path.read_text().splitlines()) > 1 else 3)
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, str]:
    """The environment in which our services are the stand-ins."""
    folder = tmp_path / "stand-ins"
    for name in ("gateway", "fabric", "fusion", "intelligence", "tasking", "sim"):
        package = folder / f"summit_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        text = SCENARIO if name == "sim" else STAND_IN.format(name=name)
        (package / "__main__.py").write_text(text)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SUMMIT_")}
    return clean | {"PYTHONPATH": str(folder), "TEST_SCENARIO_NOTE": str(tmp_path / "scenario.txt")}


class Running:
    """One `summit up` process."""

    def __init__(self, state: Path, env: dict[str, str], *arguments: str) -> None:
        self.state = state
        command = [sys.executable, "-c", "from summit_cli.main import main; main()", "up", "--state-dir", str(state)]
        self.errors = state.with_suffix(".err").open("ab")
        self.process = subprocess.Popen(
            [*command, "--json", *arguments], env=env, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )

    def ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.state.with_suffix(".err").read_text()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def endpoints(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads((self.state / "endpoints.json").read_text())
        return answer

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.errors.close()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, stand_ins: dict[str, str]) -> Iterator[Start]:
    begun: list[Running] = []

    def begin(*arguments: str, **env: str) -> Running:
        running = Running(tmp_path / "state", stand_ins | env, *arguments)
        begun.append(running)
        return running

    yield begin
    for running in begun:
        running.close()


def until(condition: Callable[[], bool], seconds: float = WAIT_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ask(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/readyz", timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_it_starts_supervises_stops_and_continues(start: Start) -> None:
    running = start("--scenario", "none")
    ready = running.ready()
    endpoints = running.endpoints()
    assert ready["gateway"] == endpoints["gateway"]
    assert (running.state / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert Path(endpoints["admin_key_file"]).read_text() == "a-key"
    assert set(endpoints["services"]) == {"fabric", "fusion", "intelligence", "tasking", "api-gateway"}

    gateway, fusion = ask(endpoints["gateway"]), ask(endpoints["services"]["fusion"])
    assert gateway["env"]["SUMMIT_FUSION_URL"] == endpoints["services"]["fusion"]
    assert "SUMMIT_DATABASE_URL" not in fusion["env"], "a service gets only what it needs"
    assert gateway["env"]["SUMMIT_SERVICE_KEY"] == fusion["env"]["SUMMIT_SERVICE_KEY"]

    os.kill(fusion["pid"], signal.SIGKILL)
    for name in ("nats-server", "postgres"):
        next(p for p in family(running.process.pid) if p.name() == name).kill()
    until(lambda: running.state.joinpath("logs", "supervisor.log").read_text().count(" died ") >= 3)
    until(lambda: reachable(endpoints["services"]["fusion"]))
    assert ask(endpoints["services"]["fusion"])["pid"] != fusion["pid"]

    second = start("--scenario", "none")
    assert second.process.wait(WAIT_S) == 1
    assert "in use by another" in running.state.with_suffix(".err").read_text()

    children = family(running.process.pid)
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(WAIT_S) == 0
    assert time.monotonic() - began < 5.0
    assert gone(children)
    assert not (running.state / "endpoints.json").exists()

    secrets = (running.state / "secrets.json").read_text()
    again = start("--scenario", "none")
    again.ready()
    assert (running.state / "secrets.json").read_text() == secrets


def reachable(url: str) -> bool:
    try:
        return bool(ask(url))
    except OSError:
        return False


def test_a_stubborn_service_does_not_hold_up_the_end(start: Start) -> None:
    running = start("--scenario", "none", TEST_STUBBORN="fusion")
    running.ready()
    children = family(running.process.pid)
    began = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(WAIT_S) == 0
    assert time.monotonic() - began < 5.0
    assert gone(children)


def test_killing_the_supervisor_leaves_no_orphan_and_the_next_start_works(start: Start) -> None:
    running = start("--scenario", "none")
    running.ready()
    children = family(running.process.pid)
    assert len(children) >= 7
    running.process.kill()
    running.process.wait()
    until(lambda: gone(children), 5.0)
    again = start("--scenario", "none")
    assert again.ready()["status"] == "ready"


def test_a_broken_service_is_named_with_its_last_words(start: Start) -> None:
    running = start("--scenario", "none", TEST_BROKEN="tasking")
    assert running.process.wait(WAIT_S) == 1
    said = running.state.with_suffix(".err").read_text()
    assert re.search(r"tasking died [3-9] times while starting", said)
    assert "I am broken on purpose" in said
    assert "summit up" in said


def test_the_scenario_is_played_again_only_when_it_fails(start: Start, tmp_path: Path) -> None:
    running = start("--scenario", "ridge-fire", "--seed", "7", "--speed", "2", "--auto-approve")
    running.ready()
    log = running.state / "logs" / "supervisor.log"
    until(lambda: "scenario has finished" in log.read_text())
    runs = [json.loads(line) for line in (tmp_path / "scenario.txt").read_text().splitlines()]
    assert len(runs) == 2, "it died once with exit code 3, then ended with 0"
    expected = ["--scenario", "ridge-fire", "--seed", "7", "--speed", "2", "--endpoints"]
    assert runs[0] == [*expected, str(running.state / "endpoints.json"), "--auto-approve"]
