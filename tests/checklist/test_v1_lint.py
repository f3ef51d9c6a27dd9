"""V1: the checks that must hold before a commit are all there, and nobody has switched a part of them off."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKS = {"lint": ("ruff check .", "ruff format --check"), "types": ("mypy",), "imports": ("lint-imports",),
          "drift": ("uv lock --check",), "limits": ("check_limits.py",)}  # fmt: skip
RULES = {"E", "F", "I", "B", "BLE", "T20", "ANN", "ASYNC"}


def missing_checks(makefile: str) -> list[str]:
    """The parts of `make check` that are not there."""
    depends = re.search(r"^check:([^#\n]*)", makefile, re.MULTILINE)
    wanted = depends[1].split() if depends else []
    absent = [name for name in CHECKS if name not in wanted]
    for name, commands in CHECKS.items():
        recipe = re.search(rf"^{name}:[^\n]*\n((?:\t[^\n]*\n)*)", makefile, re.MULTILINE)
        absent += [command for command in commands if recipe is None or command not in recipe[1]]
    return absent


def weakened(pyproject: str) -> list[str]:
    """What of the configuration no longer asks all that it should."""
    tool = tomllib.loads(pyproject)["tool"]
    found = [f"ruff: {rule}" for rule in sorted(RULES - set(tool["ruff"]["lint"]["select"]))]
    return found + ([] if tool["mypy"].get("strict") else ["mypy: strict"])


def test_all_checks_are_part_of_make_check() -> None:
    assert missing_checks((ROOT / "Makefile").read_text()) == []
    assert weakened((ROOT / "pyproject.toml").read_text()) == []


@pytest.mark.planted("a check that is taken out of make check, and a rule out of the configuration")
def test_a_check_that_is_taken_out_is_noticed() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert missing_checks(makefile.replace("lint types imports", "lint imports")) == ["types"]
    assert missing_checks(makefile.replace("ruff format --check .", "true")) == ["ruff format --check"]
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert weakened(pyproject.replace("strict = true", "strict = false")) == ["mypy: strict"]
    assert weakened(pyproject.replace('"BLE", ', "")) == ["ruff: BLE"]


@pytest.mark.planted("a module with an unused import, print, a broad except and no types")
def test_the_linter_reds_what_it_should(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "import os\n\n\ndef f():\n    try:\n        print(1)\n    except Exception: pass\n"
    )
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", ROOT / "pyproject.toml", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert {rule for rule in ("F401", "ANN201", "BLE001", "T201") if rule in done.stdout} == {
        "F401", "ANN201", "BLE001", "T201"
    }  # fmt: skip
