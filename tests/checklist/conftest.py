"""What the checks of the production checklist share: one running installation for all of them."""

import importlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fastapi import FastAPI
from summit_core.settings import ServiceSettings, load

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not let a test import the module beside it

from checklist_gateway import console_dir, gateway, redis_server, settings, upstream, world
from checklist_monitoring import fed, monitoring
from checklist_transport import broker, ours, theirs

__all__ = [
    "broker",
    "console_dir",
    "fed",
    "gateway",
    "monitoring",
    "ours",
    "redis_server",
    "settings",
    "theirs",
    "upstream",
    "world",
]

_spec = importlib.util.spec_from_file_location("e2e_fixtures", Path(__file__).parents[1] / "e2e" / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

MODULES = {
    "api-gateway": "summit_gateway",
    "fabric": "summit_fabric",
    "fusion": "summit_fusion",
    "intelligence": "summit_intelligence",
    "tasking": "summit_tasking",
}
LEAST = {
    "SUMMIT_NATS_URL": "nats://127.0.0.1:1",
    "SUMMIT_DATABASE_URL": "postgresql://summit@127.0.0.1:1/summit",
    "SUMMIT_SERVICE_KEY": "service-key-for-tests-only",
    "SUMMIT_SESSION_SECRET": "s" * 40,
    "SUMMIT_PORT": "0",
    "SUMMIT_FABRIC_URL": "http://127.0.0.1:1",
    "SUMMIT_INTELLIGENCE_URL": "http://127.0.0.1:1",
    "SUMMIT_TASKING_URL": "http://127.0.0.1:1",
}
"""Addresses at which nobody listens."""

T = TypeVar("T")
eventually = _e2e.eventually


class Stack(_e2e.System):  # type: ignore[misc, name-defined]  # loaded from a file that is no module
    """``summit up`` without a scenario. Whoever stops a service, or changes what others see, leaves it as it was."""

    @property
    def gateway(self) -> str:
        return str(self.endpoints["gateway"])

    @property
    def services(self) -> dict[str, str]:
        """The address of each service by its name."""
        return dict(self.endpoints["services"])

    @property
    def logs(self) -> Path:
        return Path(self.state_dir) / "logs"

    def metrics(self, service: str) -> str:
        """Its /metrics page."""
        with urllib.request.urlopen(f"{self.services[service]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def freeze(self, name: str) -> Callable[[], None]:
        """Stop the processes of a module without ending them; call what is returned to let them go on."""
        pids = self.processes(name)
        assert pids, f"{name} is not running"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        return go_on

    def until(self, ask: Callable[[], T], *, within_s: float, what: str) -> T:
        """Wait until a question has a true answer; returns the answer."""
        deadline, pause = time.monotonic() + within_s, threading.Event()
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
            pause.wait(0.05)
        return answer

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request to the gateway, with the administrator's key unless told."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key if key is None else key}"}
        request = urllib.request.Request(self.gateway + path, data=data, method=method, headers=sent | headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for the whole run, with real NATS, PostgreSQL and every service."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "state", "--scenario", "none", "--own-credentials")
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def service_app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FastAPI]:
    """Build the app of a service as its ``__main__`` does, with its least settings; it is not started."""

    def build(service: str, **settings: str) -> FastAPI:
        module = MODULES[service]
        for name in LEAST:
            monkeypatch.setenv(name, LEAST[name])
        monkeypatch.setenv("SUMMIT_ADMIN_KEY_FILE", str(tmp_path / "admin.key"))
        for name, value in settings.items():
            monkeypatch.setenv(name.upper() if name == "cors_origins" else f"SUMMIT_{name.upper()}", value)
        own = importlib.import_module(f"{module}.settings")
        (kind,) = (
            one
            for one in vars(own).values()
            if isinstance(one, type) and issubclass(one, ServiceSettings) and one.__module__ == own.__name__
        )
        app: FastAPI = importlib.import_module(f"{module}.app").build_app(load(kind))
        return app

    return build


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """The path of a program; skips where it is not installed."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed; scripts/observability_tools.sh installs it on Debian, as root")
        return path

    return find


@pytest.fixture(scope="session")
def judge_rules(tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bool]:
    """Whether the unit tests of a file below infra/docker/tests pass, with texts of the rules replaced by others."""
    folder = Path(__file__).resolve().parents[2] / "infra" / "docker"

    def judge(name: str, *replaced: tuple[str, str]) -> bool:
        rules = (folder / "prometheus-alerts.yml").read_text()
        for old, new in replaced:
            assert old in rules, f"the rules do not contain {old!r}"
            rules = rules.replace(old, new)
        copy = tmp_path_factory.mktemp("rules")
        (copy / "tests").mkdir()
        (copy / "prometheus-alerts.yml").write_text(rules)
        shutil.copy(folder / "tests" / name, copy / "tests")
        command = [tool("promtool"), "test", "rules", str(copy / "tests" / name)]
        return subprocess.run(command, capture_output=True).returncode == 0

    return judge


@pytest.fixture(scope="session")
def locks_with() -> Callable[..., list[str]]:
    """Which of these packages the locks of the five services hold, or ``lock`` where a text is given."""

    def find(*names: str, lock: str | None = None) -> list[str]:
        locks = sorted((Path(__file__).parents[2] / "apps").glob("*/requirements.lock"))
        assert len(locks) == 5
        text = "\n".join(["", *(path.read_text() for path in locks)] if lock is None else ["", lock])
        return [name for name in names if f"\n{name}==" in text]

    return find


@pytest.fixture
def stack_result() -> Callable[..., bool]:
    """Pass as a test of tests/stack did in its last run, which left its report; skip, with the reason, as it did."""
    root = Path(__file__).parents[2]
    sources = [*root.glob("apps/*/Dockerfile"), *root.glob("infra/docker/*.*"), *root.glob("tests/stack/*.py")]

    def judge(name: str, report: Path = root / ".cache" / "stack.xml") -> bool:
        if not report.exists():
            pytest.skip("the containers were not tested here: run `make stack-test`")
        if report.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            pytest.skip("the containers were tested before their files changed: run `make stack-test`")
        cases = [one for one in ElementTree.parse(report).iter("testcase") if one.get("name") == name]
        assert cases, f"{name} did not run"
        for found in (one.find(what) for one in cases for what in ("failure", "error")):
            assert found is None, f"{name}: {found.get('message')}"
        for found in (one.find("skipped") for one in cases):
            if found is not None:
                pytest.skip(str(found.get("message")))
        return True

    return judge
