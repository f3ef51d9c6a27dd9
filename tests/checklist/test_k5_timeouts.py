"""K5: connect, read, whole and pool have bounds no looser than the checklist's, in the one factory of clients (H4)."""

from typing import Any

import pytest
from summit_core.http.client import session
from summit_core.http.client.session import create_session

CONNECT_S, READ_S, POOL_S, WHOLE_S, CONNECTIONS, KEPT = 5.0, 30.0, 5.0, 30.0, 100, 20


async def too_loose() -> list[str]:
    """What of a client as services get it is beyond the bounds."""
    async with create_session() as made:
        found: dict[str, tuple[Any, float]] = {
            "sock_connect": (made.timeout.sock_connect, CONNECT_S),
            "sock_read": (made.timeout.sock_read, READ_S),
            "connect": (made.timeout.connect, POOL_S),
            "total": (made.timeout.total, WHOLE_S),
            "connections": (made.connector.limit if made.connector else None, CONNECTIONS),
            "kept": (session.KEPT, KEPT),
        }
    return [name for name, (value, bound) in found.items() if not value or value > bound]


async def test_every_client_has_its_bounds() -> None:
    assert await too_loose() == []


@pytest.mark.planted("a client that waits for ever, over any number of connections")
async def test_a_client_without_a_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ_S", None)
    monkeypatch.setattr(session, "CONNECTIONS", 0)
    assert await too_loose() == ["sock_read", "connections"]
