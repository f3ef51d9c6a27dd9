"""The real Prometheus, Alertmanager and blackbox exporter with our configuration, on a stack of real processes."""

import json
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra" / "docker"
PORTS = {"api-gateway": 8000, "fabric": 8001, "fusion": 8002, "intelligence": 8003, "tasking": 8004}
TOOLS = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")
NAMES = re.compile(r"\b(?:summit|http|process|python|up|probe|prometheus|ALERTS|service)[a-zA-Z0-9_:]*\b")


def metric_names(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    return set(NAMES.findall(bare))


class Monitoring:
    """Addresses of what runs, and what the receiver was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[dict[str, Any]] = []
        self._programs: list[subprocess.Popen[bytes]] = []
        self.ports = {name: _free_port() for name in ("prometheus", "alertmanager", "blackbox")}
        self._receiver = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._receiver.serve_forever, daemon=True).start()

    def start(self, services: dict[str, str], nats: str) -> None:
        """With our files; what is another here are addresses, and intervals that are shorter."""
        hosts = {f"{name}:{PORTS[name]}": urllib.parse.urlsplit(url).netloc for name, url in services.items()}
        hosts |= {
            "nats:4222": urllib.parse.urlsplit(nats).netloc.rpartition("@")[2],
            "localhost:9090": self._at("prometheus"),
        }
        hosts |= {"alertmanager:9093": self._at("alertmanager"), "blackbox:9115": self._at("blackbox")}
        hosts |= {"alert-receiver:9000": f"127.0.0.1:{self._receiver.server_port}"}
        shorter = {"scrape_interval: 15s": "scrape_interval: 1s", "scrape_timeout: 5s": "scrape_timeout: 1s",
                   "evaluation_interval: 15s": "evaluation_interval: 1s", "group_wait: 10s": "group_wait: 1s",
                   "group_wait: 5s": "group_wait: 0s", "group_interval: 1m": "group_interval: 1s"}  # fmt: skip
        for name in ("prometheus.yml", "prometheus-alerts.yml", "alertmanager.yml", "blackbox.yml"):
            text = (INFRA / name).read_text()
            for old, new in (hosts | shorter).items():
                text = text.replace(old, new)
            (self.folder / name).write_text(re.sub(r"    for: \w+", "    for: 2s", text))
        self._run(
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--rules.alert.resend-delay=1s",
            f"--web.listen-address={self._at('prometheus')}",
        )  # fmt: skip
        self._run(
            "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alerts",
            "--cluster.listen-address=", f"--web.listen-address={self._at('alertmanager')}",
        )  # fmt: skip
        self._run(
            "prometheus-blackbox-exporter", "--config.file=blackbox.yml",
            f"--web.listen-address={self._at('blackbox')}",
        )  # fmt: skip

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query; empty while Prometheus is not up. Raises on an expression that is wrong."""
        url = f"http://{self._at('prometheus')}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return list(json.load(answer)["data"]["result"])
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 503, f"{expression}: {error.read().decode()}"
            return []
        except OSError:
            return []

    def stop(self) -> None:
        for program in self._programs:
            program.kill()
            program.wait()
        self._receiver.shutdown()
        self._receiver.server_close()

    def _at(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            self._programs.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self.told

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Receiver


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def monitoring(
    stack: Any, tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Monitoring]:
    """Watches the stack of this run; every service has been scraped once."""
    for name in TOOLS:
        tool(name)
    monitoring = Monitoring(tmp_path_factory.mktemp("monitoring"))
    try:
        monitoring.start(stack.services, stack.endpoints["nats"])
        wanted = {*stack.services, "prometheus", "alertmanager", "blackbox", "ready", "broker"}

        def scraped() -> bool:
            return {one["metric"]["job"] for one in monitoring.query("up == 1")} == wanted

        stack.until(scraped, within_s=60, what="everything scraped")
        yield monitoring
    finally:
        monitoring.stop()


@pytest.fixture(scope="session")
def fed(stack: Any) -> None:
    """A few observations have come in: good ones of two kinds, and one from the future."""
    now = datetime.now(UTC)
    mast = {"source": "checklist-mast", "lat": 39.8, "lon": -121.4, "kind": "measurement", "quantity": "temperature",
            "value": 21.5, "unit": "Cel"}  # fmt: skip
    crew = {"source": "checklist-crew", "lat": 39.8, "lon": -121.4, "kind": "position", "category": "person"}
    for number in range(3):
        at = {"observed_at": (now + timedelta(seconds=number)).isoformat()}
        assert stack.ask("POST", "/v1/observations", mast | at)[0] == 202
        assert stack.ask("POST", "/v1/observations", crew | at)[0] == 202
    refused = mast | {"observed_at": "2099-01-01T00:00:00Z"}
    assert stack.ask("POST", "/v1/observations", refused)[0] == 422
