"""The images one by one: the console from a clean clone, without network after its packages; a wrong hash refused."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def console(built: Any, tmp_path: Path) -> Iterator[str]:
    """The id of a running console, built from a clone of what is committed."""
    clone = tmp_path / "clone"
    assert built.run("git", "clone", "-q", "--depth", "1", f"file://{ROOT}", clone).returncode == 0
    build = ("docker", "build", "-q", "-f", "apps/console/Dockerfile")
    for more in (("--target", "console-packages"), ("--network", "none", "-t", "summit-console-test")):
        ended = subprocess.run([*build, *more, "."], cwd=clone, env=built.env, capture_output=True, text=True)
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]
    run = ("docker", "run", "-d", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "10001:10001")
    started = built.run(*run, "summit-console-test").stdout.strip()
    yield started
    built.run("docker", "rm", "-f", started)
    built.run("docker", "rmi", "summit-console-test")


def test_the_console_builds_from_a_clean_clone_and_serves_its_page(built: Any, console: str) -> None:
    deadline = time.monotonic() + 60
    while (found := _state(built, console)) != "healthy":
        assert found == "starting", found
        assert time.monotonic() < deadline, "the console is not healthy after 60 s"
        time.sleep(0.5)  # another process: nothing to wait on
    ask = "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
    page = built.run("docker", "exec", console, "bash", "-c", ask).stdout
    assert " 200 " in page.splitlines()[0]
    assert "Summit" in page
    policy = next(line for line in page.splitlines() if line.startswith("Content-Security-Policy:"))
    assert "default-src 'none'" in policy
    assert "'sha256-" in policy
    assert "unsafe-eval" not in policy


def _state(built: Any, container: str) -> str:
    state = json.loads(built.run("docker", "inspect", container).stdout)[0]["State"]
    return str(state["Health"]["Status"]) if state["Running"] else f"ended: {state['ExitCode']}"


def test_a_tampered_hash_is_refused(built: Any, tmp_path: Path) -> None:
    for name in (
        "infra/docker/nats.Dockerfile",
        "infra/docker/nats.lock",
        "packages/core/src/summit_core/http/probe.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    lock = tmp_path / "infra/docker/nats.lock"
    lock.write_text("".join(_tampered(line) for line in lock.read_text().splitlines(keepends=True)))
    ended = built.run("docker", "build", "-q", "-f", tmp_path / "infra/docker/nats.Dockerfile", tmp_path, timeout=300)
    assert ended.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ended.stdout + ended.stderr


def _tampered(line: str) -> str:
    """The line with another first digit in its hash."""
    before, mark, digits = line.partition("--hash=sha256:")
    return f"{before}{mark}{'0' if digits[:1] != '0' else '1'}{digits[1:]}" if mark else line
