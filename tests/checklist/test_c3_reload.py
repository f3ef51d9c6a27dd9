"""C3: no shipped process reloads; each is started as one fixed command, in the images and by `summit up`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = [*ROOT.glob("apps/*/Dockerfile"), *ROOT.glob("infra/docker/*"), ROOT / "Makefile", ROOT / ".env"]
MODULES = ("summit_gateway", "summit_fabric", "summit_fusion", "summit_intelligence", "summit_tasking")


def faults(files: Iterable[tuple[str, str]]) -> list[str]:
    """What in these files (name, text) lets a process reload, or leaves open what process 1 is."""
    found = []
    for name, text in files:
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        if re.search(r"reload", code, re.IGNORECASE):
            found.append(f"{name}: reload")
        if name.endswith("Dockerfile") and not re.search(r'^ENTRYPOINT \["', code, re.MULTILINE):
            found.append(f"{name}: process 1 is not fixed")
        if re.search(r"^\s*(command|entrypoint):.*(\bsh\b|\$\{)", code, re.MULTILINE):
            found.append(f"{name}: a shell or a variable decides what is started")
    return found


def test_nothing_that_ships_reloads() -> None:
    files = [(str(path.relative_to(ROOT)), path.read_text()) for path in SHIPPED if path.is_file()]
    assert len([name for name, _ in files if name.endswith("Dockerfile")]) == 7
    assert faults(files) == []


@pytest.mark.planted("--reload in an image, a shell that decides what starts, UVICORN_RELOAD in the compose file")
@pytest.mark.parametrize(
    "planted",
    [
        ("apps/x/Dockerfile", 'ENTRYPOINT ["uvicorn", "x:app", "--reload"]'),
        ("apps/x/Dockerfile", 'CMD sh -c "uvicorn x:app $ARGS"'),
        ("infra/docker/docker-compose.yml", 'UVICORN_RELOAD: "true"'),
        ("infra/docker/docker-compose.yml", "    command: sh -c 'if [ $ENV = dev ]; then uvicorn x $MORE; fi'"),
    ],
)
def test_a_planted_reload_is_found(planted: tuple[str, str]) -> None:
    assert len(faults([planted])) == 1


def test_the_running_processes_were_started_without_it(stack: Any) -> None:
    for module in MODULES:
        for pid in stack.processes(module):
            assert started_as(pid) == (["-m", module], False)


def started_as(pid: int) -> tuple[list[str], bool]:
    """The arguments of a process, and whether its environment asks to reload."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1:-1]
    return words, "UVICORN_RELOAD=TRUE" in Path(f"/proc/{pid}/environ").read_text().upper()


@pytest.mark.planted("a running process that was started with --reload and UVICORN_RELOAD=true")
def test_a_process_that_reloads_is_noticed() -> None:
    command = [sys.executable, "-c", "print('here', flush=True); input()", "--reload"]
    environment = {**os.environ, "UVICORN_RELOAD": "true"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"here\n"
        found = started_as(process.pid)
        process.communicate(b"\n")
    assert found == (command[1:], True)
