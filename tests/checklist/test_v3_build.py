"""V3: plain `docker-compose build` at the root builds everything, the console included (tests/stack)."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = {"api-gateway", "fabric", "fusion", "intelligence", "tasking"}


def missing(compose: str, folder: Path) -> set[str]:
    """Dockerfiles that a compose file names and that are not there, and apps that it does not build."""
    named = set(re.findall(r"dockerfile: ([^\s,}]+)", compose))
    built = {match[1] for name in named if (match := re.fullmatch(r"apps/([^/]+)/Dockerfile", name))}
    return {name for name in named if not (folder / name).is_file()} | (APPS - built)


def test_compose_builds_every_app() -> None:
    named = dict(line.split("=", 1) for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#"))
    assert missing((ROOT / named["COMPOSE_FILE"]).read_text(), ROOT) == set()
    assert "npm run" in (ROOT / "apps/api-gateway/Dockerfile").read_text()


@pytest.mark.planted("a Dockerfile that is not there, and apps that nobody builds")
def test_a_planted_hole_is_found() -> None:
    assert missing("dockerfile: apps/none/Dockerfile", ROOT) == APPS | {"apps/none/Dockerfile"}


def test_plain_compose_at_the_root_reads_the_file() -> None:
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    ended = subprocess.run(["docker-compose", "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_all_images_were_built(stack_result: Callable[..., None]) -> None:
    assert stack_result("test_no_image_misses_the_shared_package")
