"""A scenario: the world and the actors in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from summit_core.model import TaskStatus

from summit_sim.actor import Actor, Message, Run

FASTEST = 40.0
"""At 40 times an airliner appears at the highest speed that an observation may state."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``actors`` have different ids. The same seed gives the same messages."""

    run: Run
    actors: tuple[Actor, ...]

    def emit(self, until: float) -> Iterator[Message]:
        """All messages up to scenario time ``until``, in the order of their time: a dry run without any I/O."""
        messages = [message for actor in self.actors for message in actor.step(until)]
        return iter(sorted(messages, key=_when))


def _when(message: Message) -> datetime:
    return message.at if isinstance(message, TaskStatus) else message.observed_at
