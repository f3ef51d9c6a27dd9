"""Every test that docs/threat-model.md names exists, and no threat is without one unless it says so."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "threat-model.md"


def unproven(document: str) -> list[str]:
    """Rows whose tests are missing, and rows that name none and admit no assumption."""
    found = []
    for row in re.findall(r"^\| [STRIDE] \|.*$", document, re.MULTILINE):
        *_, attacked, _ = row.split("|")
        named = re.findall(r"`([^`]+)`", attacked)
        if not named and "assumption" not in attacked:
            found.append(row)
        found += [name for name in named if not (ROOT / name).is_file()]
    return found


def test_every_named_test_exists() -> None:
    text = DOCUMENT.read_text()
    assert unproven(text) == []
    assert len(re.findall(r"^\| [STRIDE] \|", text, re.MULTILINE)) >= 20
    for boundary in ("Devices", "Browser", "REST", "services", "Broker", "Database", "Supply chain", "Operators"):
        assert re.search(rf"^## .*{boundary}", text, re.MULTILINE), boundary


def test_a_test_that_is_gone_is_noticed() -> None:
    assert unproven("| S | x | y | `tests/checklist/test_gone.py` |") == ["tests/checklist/test_gone.py"]
    assert unproven("| S | x | y | trust us |") == ["| S | x | y | trust us |"]
