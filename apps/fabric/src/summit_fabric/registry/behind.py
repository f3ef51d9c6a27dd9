"""What speaks through which node, from the registrations as they change."""

import msgspec
from msgspec import Struct
from summit_core.bus import Change, Mirror


class _Through(Struct):
    node: str | None = None


class Behind:
    """Knows without a search; make it before the mirror runs."""

    def __init__(self, mirror: Mirror) -> None:
        self._node_of: dict[str, str] = {}
        self._behind: dict[str, set[str]] = {}
        mirror.listen(self._take)
        mirror.on_reset.append(self._forget)

    def of(self, node: str) -> frozenset[str]:
        """The ids of what speaks through it."""
        return frozenset(self._behind.get(node, ()))

    def _take(self, change: Change) -> None:
        event = change.event
        if event.type != "registrations":
            return
        before = self._node_of.pop(event.key, None)
        if before is not None:
            self._behind[before].discard(event.key)
        node = msgspec.json.decode(event.body, type=_Through).node if event.op == "upsert" else None
        if node is not None:
            self._node_of[event.key] = node
            self._behind.setdefault(node, set()).add(event.key)

    def _forget(self) -> None:
        self._node_of.clear()
        self._behind.clear()
