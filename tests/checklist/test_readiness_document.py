"""Each line of the checklist that this version claims has a planted fault, and docs/ops/readiness.md says which."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
CLAIMED = re.compile(r"C\d+|H\d|K\d|O\d|V\d|X([1-6]|9|11|12|13)")


def _script() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("readiness_document", ROOT / "scripts" / "readiness_document.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _script()
LINES = list(tomllib.loads((ROOT / "tests" / "checklist" / "lines.toml").read_text()))


def never_red(folder: Path, lines: list[str]) -> list[str]:
    """Lines whose checks nothing has turned red."""
    found = script.faults(folder)
    return [line for line in lines if not found.get(line)]


def test_something_is_planted_for_each_line() -> None:
    claimed = [line for line in LINES if CLAIMED.fullmatch(line)]
    assert len(claimed) >= 43
    assert never_red(ROOT / "tests" / "checklist", claimed) == []


def test_the_page_is_what_the_tests_say() -> None:
    written = script.DOCUMENT.read_text()
    assert script.document(written, script.faults(), LINES) == written, "run make readiness-document"


def test_a_line_whose_check_was_never_red_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "test_a1_one.py").write_text("def test_green() -> None:\n    assert True\n")
    (tmp_path / "test_a2_one.py").write_text(
        "import pytest\n\n\n@pytest.mark.planted('a fault')\nasync def test_red() -> None:\n    assert True\n"
    )
    assert never_red(tmp_path, ["A1", "A2", "A3"]) == ["A1", "A3"]
    page = script.document(script.BEGINS + "old", script.faults(tmp_path), ["A1", "A2"])
    assert "| A1 | nothing | `` |\n| A2 | a fault | `test_red` |\n" in page
