"""C8: a frozen dependency makes readiness 503 within 5 s, and liveness never; back within 10 s of its return."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

GONE_WITHIN_S, BACK_WITHIN_S = 5.0, 10.0
NEEDS = {
    "nats-server": ("api-gateway", "fabric", "fusion", "intelligence", "tasking"),
    "postgres": ("api-gateway", "fabric"),
}


def ask(url: str) -> tuple[int, str]:
    """Status and answer of a GET; 0 where nothing answers within 4 s, which is what a probe allows."""
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def becomes(url: str, wanted: int, *, within_s: float) -> float:
    """Seconds until the status is the wanted one; fails when that takes too long."""
    began = time.monotonic()
    while (found := ask(url))[0] != wanted:
        assert time.monotonic() - began < within_s, (
            f"{url} is {found[0]}, not {wanted}, after {within_s:g} s: {found[1]}"
        )
        time.sleep(0.1)  # another process: nothing to wait on
    took = time.monotonic() - began
    assert took < within_s, f"{url} became {wanted} after {took:.1f} s only"
    return took


def all_become(services: dict[str, str], wanted: int, *, within_s: float) -> float:
    """Seconds until the readiness of the last of them is the wanted one; all are asked at once."""
    with ThreadPoolExecutor() as asking:
        waits = [asking.submit(becomes, f"{url}/readyz", wanted, within_s=within_s) for url in services.values()]
        return max(wait.result() for wait in waits)


def probe(port: int) -> int:
    """The exit code of the health check that the images have."""
    command = [sys.executable, "-m", "summit_core.http.probe"]
    return subprocess.run(command, env=os.environ | {"SUMMIT_PORT": str(port)}, capture_output=True).returncode


def _processes(stack: Any, name: str) -> list[psutil.Process]:
    server = next(one for one in map(psutil.Process, stack.children()) if one.name() == name)
    return [server, *server.children(recursive=True)]


@pytest.fixture(params=NEEDS)
def dependency(request: pytest.FixtureRequest, stack: Any) -> Iterator[str]:
    """Its name; at the end it runs again, whatever happened."""
    yield request.param
    for process in _processes(stack, request.param):
        process.send_signal(signal.SIGCONT)


def test_readiness_follows_each_dependency_and_liveness_does_not(stack: Any, dependency: str) -> None:
    services = {name: stack.services[name] for name in NEEDS[dependency]}
    all_become(services, 200, within_s=BACK_WITHIN_S)
    frozen = _processes(stack, dependency)
    for process in frozen:
        process.suspend()
    gone = all_become(services, 503, within_s=GONE_WITHIN_S)
    assert {ask(f"{url}/livez")[0] for url in services.values()} == {200}
    assert probe(urlsplit(services["api-gateway"]).port or 0) == 1
    for process in frozen:
        process.resume()
    back = all_become(services, 200, within_s=BACK_WITHIN_S)
    print(f"\n{dependency}: all 503 after {gone:.1f} s, all 200 again after {back:.1f} s")
    assert probe(urlsplit(services["api-gateway"]).port or 0) == 0


class _AlwaysWell(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.mark.planted("a readiness that always answers 200")
def test_a_planted_constant_readiness_is_found() -> None:
    server = HTTPServer(("127.0.0.1", 0), _AlwaysWell)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(AssertionError, match="is 200, not 503"):
        becomes(f"http://127.0.0.1:{server.server_port}/readyz", 503, within_s=0.3)
    server.shutdown()
    server.server_close()


def test_the_probe_fails_where_nothing_listens() -> None:
    assert probe(1) == 1


def not_asking(compose: str) -> list[str]:
    """Health checks that cannot fail, or that need a program which slim images do not have."""
    checks = re.findall(r"test: (\[.*\])", compose)
    return [one for one in checks if re.search(r"\bcurl\b|, (-h|--help|--version)\]|\|\| (true|exit 0)", one)]


@pytest.mark.planted("a health check that asks a broker for its help, one with curl, one whose exit code is masked")
def test_every_health_check_of_a_container_can_fail() -> None:
    for path in (Path(__file__).parents[2] / "infra" / "docker").glob("docker-compose*.yml"):
        assert not_asking(path.read_text()) == []
    for planted in ("[CMD, nats-server, -h]", "[CMD, curl, -f, http://x/health]", '[CMD-SHELL, "probe || exit 0"]'):
        assert not_asking(f"    test: {planted}\n") == [planted]
