"""Who owns a track that went from one shard to another. The registry decides, by compare-and-swap; shards follow it."""

from dataclasses import dataclass, field
from typing import Protocol


class Ownership(Protocol):
    """A track that nobody ever claimed has epoch 0 and belongs to the shard in which it began."""

    def claim(self, track_id: str, epoch: int, owner: str) -> bool:
        """Make ``owner`` the owner if the track is at ``epoch``, which becomes ``epoch + 1``. Of several claimants one
        wins; its own claim repeated (an answer was lost) is won again."""

    def owner(self, track_id: str) -> tuple[int, str] | None:
        """Epoch and owner of a track that was claimed at least once."""


@dataclass(slots=True)
class MemoryOwnership:
    """The registry of one process."""

    table: dict[str, tuple[int, str]] = field(default_factory=dict)

    def claim(self, track_id: str, epoch: int, owner: str) -> bool:
        held = self.table.get(track_id)
        if held == (epoch + 1, owner):
            return True
        if (held[0] if held else 0) != epoch:
            return False
        self.table[track_id] = (epoch + 1, owner)
        return True

    def owner(self, track_id: str) -> tuple[int, str] | None:
        return self.table.get(track_id)
