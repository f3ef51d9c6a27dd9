"""Change: one world event with its place in the stream."""

from collections.abc import Callable
from dataclasses import dataclass

from summit_core.model import WorldEvent


@dataclass(frozen=True, slots=True)
class Change:
    """One world event with the version that the stream gave it."""

    seq: int
    event: WorldEvent


Listener = Callable[[Change], None]
