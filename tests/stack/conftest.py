"""The compose stack for real: images built, containers started, ports and secrets of its own, all gone at the end."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUMMIT = Path(sysconfig.get_path("scripts")) / "summit"
NO_ENGINE = 3
BUILD_WITHIN_S = 1500
PORTS = ("SUMMIT_PORT", "SUMMIT_MQTT_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")


class ComposeStack:
    """One project of containers, reached as its user reaches it."""

    def __init__(self, folder: Path) -> None:
        self.secrets, self.summit = folder / "secrets", SUMMIT
        self.canaries: list[str] = []
        with ExitStack() as sockets:  # held together, so that no two are the same
            free = [sockets.enter_context(socket.socket()) for _ in PORTS]
            for one in free:
                one.bind(("127.0.0.1", 0))
            self.ports = {name: one.getsockname()[1] for name, one in zip(PORTS, free, strict=True)}
        self.env = os.environ | {name: str(port) for name, port in self.ports.items()}
        self.env |= {
            "COMPOSE_FILE": "infra/docker/docker-compose.yml:tests/stack/docker-compose.test.yml",
            "COMPOSE_PROJECT_NAME": f"summit-test-{secrets.token_hex(4)}",
            "SUMMIT_SECRETS_DIR": str(self.secrets),
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0",
        }

    def run(self, *command: str | Path, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        """A command at the root of the repository, in the environment of this stack."""
        return subprocess.run(
            command, cwd=ROOT, env=self.env | env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def compose(self, *words: str, timeout: float = 180, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("docker-compose", *words, timeout=timeout, **env)

    def health(self, within_s: float = 0) -> tuple[int, dict[str, dict[str, str]]]:
        """Exit code and reasons of ``make health``."""
        given = ("-s", "--no-print-directory", "health", f"WITHIN={within_s:g}", "ARGS=--stack --json")
        ended = self.run("make", *given, timeout=within_s + 60)
        return ended.returncode, json.loads(ended.stdout)["reasons"]

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of the container of a service."""
        name = self.compose("ps", "-q", service).stdout.strip()
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", name).stdout)
        return found[0]

    def key(self) -> str:
        return self.run("scripts/stack.sh", "key").stdout.strip()

    def ask(self, method: str, path: str, body: Any = None, *, key: str, port: str = "SUMMIT_PORT") -> tuple[int, Any]:
        """Status and answer of a request to a published port."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        url = f"http://127.0.0.1:{self.ports[port]}{path}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, data, headers, method=method), timeout=10
            ) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content[:1] in b"{[" else content.decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> ComposeStack:
    """A project whose images are built and whose secrets are made; nothing runs."""
    ended = subprocess.run([ROOT / "scripts" / "engine.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode == NO_ENGINE:
        pytest.skip(f"no container engine: {ended.stderr.strip().splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr
    made = ComposeStack(tmp_path_factory.mktemp("stack"))
    started = time.monotonic()
    build = made.compose("build", timeout=BUILD_WITHIN_S)
    print(f"\nbuilt in {time.monotonic() - started:.0f} s")
    assert build.returncode == 0, (build.stdout + build.stderr)[-4000:]
    return made


@pytest.fixture(scope="session")
def stack(built: ComposeStack) -> Iterator[ComposeStack]:
    """All containers up, with fresh secrets and no data."""
    made = built.run(SUMMIT, "secrets", "init", "--dir", built.secrets)
    assert made.returncode == 0, made.stderr
    started = time.monotonic()
    up = built.run("scripts/stack.sh", "up", timeout=600)
    print(f"\nhealthy after {time.monotonic() - started:.0f} s")
    try:
        assert up.returncode == 0, (up.stdout + up.stderr)[-6000:]
        yield built
    finally:
        built.compose("down", "-v", "--remove-orphans", "-t", "5")
        shutil.rmtree(built.secrets)
