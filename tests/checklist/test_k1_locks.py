"""K1: every app has a lock with a hash for each package, made from the one lock of the workspace (``make
drift`` compares them)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")


def unpinned(lock: str) -> list[str]:
    """Requirements without an exact version or without a hash."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    named = [block for block in blocks if re.match(r"[A-Za-z0-9]", block)]
    return [block.split("\n")[0] for block in named if "==" not in block or "--hash=sha256:" not in block]


@pytest.mark.parametrize("app", APPS)
def test_each_package_has_a_version_and_a_hash(app: str) -> None:
    lock = (ROOT / "apps" / app / "requirements.lock").read_text()
    assert "==" in lock
    assert unpinned(lock) == []


@pytest.mark.planted("a package without a hash, and one without a version")
def test_a_package_without_a_hash_is_noticed() -> None:
    good = "a==1 \\\n    --hash=sha256:00\n"
    assert unpinned(good) == []
    assert unpinned(good + "b==2\n") == ["b==2"]
    assert unpinned("c>=3 \\\n    --hash=sha256:00\n") == ["c>=3 \\"]
