"""V2: a warning is an error, a suite that runs nothing fails, a skip is listed with its reason."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _pytest(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_planted.py").write_text(test)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.planted("a failing test, a warning, an unexpected pass")
def test_each_kind_of_failure_is_red_and_a_skip_says_why(tmp_path: Path) -> None:
    done = _pytest(
        tmp_path,
        "import pytest, warnings\n"
        "def test_green():\n    assert True\n"
        "def test_red():\n    assert False\n"
        "def test_warning():\n    warnings.warn('old')\n"
        "@pytest.mark.xfail\ndef test_passes_unexpectedly():\n    assert True\n"
        "def test_skip():\n    pytest.skip('no engine here')\n",
    )
    assert done.returncode == 1
    assert "3 failed, 1 passed, 1 skipped" in done.stdout
    assert "no engine here" in done.stdout


@pytest.mark.planted("a suite that cannot be imported")
def test_a_suite_that_cannot_be_collected_is_red(tmp_path: Path) -> None:
    assert _pytest(tmp_path, "import nothing_of_that_name\n").returncode == 2


@pytest.mark.planted("a suite without a test")
def test_a_suite_that_runs_nothing_is_red(tmp_path: Path) -> None:
    assert _pytest(tmp_path, "def helper():\n    return 1\n").returncode == 5
