"""One route that another service answers."""

from typing import Any, Final, NamedTuple

from summit_core.security.permissions import Permission

PAGE: Final = ("limit", "cursor")


class Passed(NamedTuple):
    """Who answers it, who may call it, what it takes and answers. ``parameters`` are query parameters."""

    service: str
    method: str
    path: str
    summary: str
    answer: Any
    permission: Permission = Permission.READ
    body: Any = None
    parameters: tuple[str, ...] = ()
    status: int = 200
    others: tuple[str, ...] = ()
    """Media types that the answer may come in besides JSON."""
    condition: bool = False
    """It asks for If-Match."""
    once: bool = False
    """The service does a request with the same ``Idempotency-Key`` only once, so it may be sent again."""
