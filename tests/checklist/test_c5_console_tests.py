"""C5: the console's tests test something: there are enough of them, and a broken component turns them red."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "apps" / "console"
LEAST = 50
CASE = re.compile(r"^\s*(?:it|test)(?:\.each\([^)]*\))?\(", re.MULTILINE)
BROKEN = ("src/features/inspector/decision-form.tsx", re.compile(r"disabled=\{[^}]*\}"), "disabled={true}", "decision")
"""A form by which nobody can decide."""


def cases(folder: Path) -> int:
    """How many tests are written there."""
    return sum(len(CASE.findall(path.read_text())) for path in folder.glob("*.test.ts*"))


def _environment() -> dict[str, str]:
    tools = ROOT / ".tools" / "node" / "bin"
    return os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def _needs_node() -> None:
    if shutil.which("node", path=_environment()["PATH"]) is None:
        pytest.skip("node is not installed: run make setup")
    if not (CONSOLE / "node_modules").exists():
        pytest.skip("the packages of the console are not installed: run make setup")


def hollow(script: str) -> bool:
    """Whether the test script passes without a test."""
    return not script.startswith("vitest run") or re.search(r"\|\||;|echo|passWithNoTests", script) is not None


@pytest.mark.planted("a script that says that there are no tests and exits 0, and others that mask a failure")
def test_the_script_runs_the_tests_and_masks_nothing() -> None:
    assert not hollow(json.loads((CONSOLE / "package.json").read_text())["scripts"]["test"])
    for planted in ("echo 'no tests' && exit 0", "vitest run || true", "vitest run --passWithNoTests", "tsc"):
        assert hollow(planted), planted


def test_there_are_enough(tmp_path: Path) -> None:
    assert cases(CONSOLE / "tests") >= LEAST
    (tmp_path / "a.test.ts").write_text('it("is one", () => {});\n')
    assert cases(tmp_path) == 1  # so a folder that was emptied is red


@pytest.mark.planted("a component by which nobody can decide any more, in a copy that vitest is run in")
def test_a_broken_component_is_red(tmp_path: Path) -> None:
    _needs_node()
    copy = tmp_path / "console"
    ignored = shutil.ignore_patterns("node_modules", ".next", "out", "public")
    shutil.copytree(CONSOLE, copy, ignore=ignored)
    (copy / "node_modules").symlink_to(CONSOLE / "node_modules")
    name, found, broken, suite = BROKEN
    command = ["npx", "vitest", "run", suite]
    green = subprocess.run(command, cwd=copy, env=_environment(), capture_output=True, text=True)
    assert green.returncode == 0, green.stdout
    source = (copy / name).read_text()
    assert found.search(source)
    (copy / name).write_text(found.sub(broken, source))
    assert subprocess.run(command, cwd=copy, env=_environment(), capture_output=True, text=True).returncode != 0
