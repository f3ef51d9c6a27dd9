"""The table of the checklist tells passed, failed, skipped and missing apart, and fails for two of them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES = 'A1 = "passes"\nA2 = "fails"\nA3 = "skips"\nA4 = "has no check"\nA5 = "cannot be imported"\n'
FILES = {
    "test_a1_one.py": "def test_it():\n    assert True\n",
    "test_a2_one.py": "def test_it():\n    assert True\ndef test_red():\n    assert False\n",
    "test_a3_one.py": "import pytest\ndef test_it():\n    pytest.skip('no engine here')\n",
    "test_a5_one.py": "import nothing_of_that_name\n",
}


def _readiness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "readiness.py"), "--folder", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "lines.toml").write_text(LINES)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_line_has_its_result(tmp_path: Path) -> None:
    done = _readiness(_folder(tmp_path), "--json")
    lines = {line["id"]: line for line in json.loads(done.stdout)["lines"]}
    results = {id_: line["result"] for id_, line in lines.items()}
    assert results == {"A1": "passed", "A2": "failed", "A3": "skipped", "A4": "missing", "A5": "failed"}
    assert lines["A2"]["why"] == "test_red"
    assert "no engine here" in lines["A3"]["why"]
    assert done.returncode == 1


def test_one_line_alone(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    assert _readiness(folder, "--id", "a1").returncode == 0
    assert _readiness(folder, "--id", "A3").returncode == 0
    assert _readiness(folder, "--id", "A4").returncode == 1
    assert "the lines are" in _readiness(folder, "--id", "Z9").stderr
