"""K4: the limiter is core's own (H3 attacks it); none of those that block the event loop is installed."""

from collections.abc import Callable
from pathlib import Path

from summit_core.http import limits

ROOT = Path(__file__).resolve().parents[2]
BLOCKING = ("slowapi", "flask-limiter")


def test_no_lock_holds_a_limiter_that_blocks(locks_with: Callable[..., list[str]]) -> None:
    assert locks_with(*BLOCKING) == []
    assert locks_with(*BLOCKING, lock="slowapi==0.1.10 \\\n") == ["slowapi"]


def test_the_gateway_uses_that_of_core() -> None:
    folder = ROOT / "apps" / "api-gateway" / "src"
    users = [path for path in folder.rglob("*.py") if f"from {limits.__name__}" in path.read_text(encoding="utf-8")]
    assert users
