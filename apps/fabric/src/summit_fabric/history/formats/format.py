"""What every format of an export does."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import ClassVar

from summit_fabric.history.item import Item


class Format(ABC):
    """One document. Items of one object come one after another, in the order of time."""

    media: ClassVar[str]

    def head(self) -> bytes:
        return b""

    @abstractmethod
    def item(self, item: Item) -> bytes: ...

    def gap(self) -> bytes:
        """What follows does not continue what came before: the object left, or was outside the area."""
        return b""

    def tail(self) -> bytes:
        return b""


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
