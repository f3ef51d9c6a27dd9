"""K6: calls to services go through core's breaker (H5 attacks it); no library that only tries again is installed."""

from collections.abc import Callable
from pathlib import Path

from summit_core.http.client.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
ONLY_RETRY = ("tenacity", "stamina", "backoff", "retrying")


def test_no_lock_holds_a_library_that_only_tries_again(locks_with: Callable[..., list[str]]) -> None:
    assert locks_with(*ONLY_RETRY) == []
    assert locks_with(*ONLY_RETRY, lock="tenacity==9.2.1 \\\n") == ["tenacity"]


def test_the_gateway_calls_through_it() -> None:
    service = ROOT / "apps" / "api-gateway" / "src" / "summit_gateway" / "upstream" / "service.py"
    assert Upstream.__name__ in service.read_text(encoding="utf-8")
