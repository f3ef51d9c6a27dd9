"""What the checks of the production checklist share: one running installation for all of them."""

import importlib.util
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not let a test import the module beside it

from checklist_gateway import console_dir, gateway, redis_server, settings, upstream, world

__all__ = ["console_dir", "gateway", "redis_server", "settings", "upstream", "world"]

_spec = importlib.util.spec_from_file_location("e2e_fixtures", Path(__file__).parents[1] / "e2e" / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

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
    stack = Stack(tmp_path_factory.mktemp("stack") / "state", "--scenario", "none")
    stack.start()
    yield stack
    stack.stop()
