"""C4: the gates can fail: a planted fault turns each target of the Makefile red, and nothing masks an exit code."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MASKS = re.compile(
    r"\|\|\s*(true|:|echo)(\s|$|;)|;\s*true\s*$|--exit-zero|--passWithNoTests|continue-on-error:\s*true|set \+e"
    r"|^\t-\S",
    re.MULTILINE,
)
GOOD = "def double(number: int) -> int:\n    return number * 2\n"
GOOD_TEST = "from unit.planted import double\n\n\ndef test_double() -> None:\n    assert double(2) == 4\n"
FAULTS = {
    "lint": ("unit/planted.py", "import os\n\n\n" + GOOD),
    "types": ("unit/planted.py", GOOD.replace("number * 2", "str(number)")),
    "test": ("unit/test_planted.py", GOOD_TEST.replace("== 4", "== 5")),
}


def masks(text: str) -> list[str]:
    return [match.group().strip() for match in MASKS.finditer(text)]


def gates() -> list[Path]:
    """The files that decide whether a change may pass."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "Makefile", "scripts/*.sh", ".ci/*", ".github/*", "apps/console/package.json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name]


def test_nothing_masks_an_exit_code() -> None:
    assert len(gates()) >= 3
    assert {path.name: found for path in gates() if (found := masks(path.read_text()))} == {}


@pytest.mark.planted("each way to mask an exit code, in the Makefile: or true, or echo, exit-zero, a leading dash ...")
@pytest.mark.parametrize(
    "planted",
    [
        "\tpytest || true\n",
        "\truff check --exit-zero .\n",
        "    continue-on-error: true\n",
        "\t-mypy\n",
        "npm test || :\n",
        "\tpytest || echo failed\n",
        "\tpytest; true\n",
    ],
)
def test_a_planted_mask_is_noticed(planted: str) -> None:
    assert len(masks((ROOT / "Makefile").read_text() + planted)) == 1


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The Makefile and the configuration as they are, with one module and one test to judge."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    configured = (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(re.sub(r"^files = \[.*?\]$", 'files = ["unit"]', configured, flags=re.M))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    for name, text in {
        "scripts/setup.sh": "#!/bin/sh\n",
        "unit/__init__.py": "",
        "unit/planted.py": GOOD,
        "unit/test_planted.py": GOOD_TEST,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "scripts" / "setup.sh").chmod(0o755)
    return tmp_path


@pytest.mark.planted("a failing test, a lint error and a type error, in a copy that make is run in")
@pytest.mark.parametrize("target", FAULTS)
def test_a_fault_turns_the_target_red_and_without_it_it_is_green(target: str, copy: Path) -> None:
    command = ["make", "--no-print-directory", target, "UNIT=unit"]
    green = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert green.returncode == 0, green.stdout + green.stderr
    name, fault = FAULTS[target]
    (copy / name).write_text(fault)
    red = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert red.returncode != 0, red.stdout
