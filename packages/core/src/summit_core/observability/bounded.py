"""Label values that come from outside are bounded: a thousand names must not become a thousand series."""

from typing import Final

OTHER: Final = "other"


class Bounded:
    """The first ``limit`` names keep their own label for the life of the process; all others share ``other``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(name)
        return name
