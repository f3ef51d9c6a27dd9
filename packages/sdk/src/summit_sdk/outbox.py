"""The bounded buffer between the code that observes and the link that sends."""

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Letter:
    """One message; ``number`` counts everything ever put in."""

    number: int
    topic: str
    payload: bytes


class Outbox:
    """First in, first out. A letter stays until the broker has acknowledged it. When the box is full the oldest letter
    leaves and is counted: after a long cut the newest information is worth most, and the gap in ``seq`` tells the rest.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._letters: deque[Letter] = deque()
        self._put = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.dropped = 0
        self.acknowledged = 0

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, topic: str, payload: bytes) -> None:
        if len(self._letters) == self._capacity:
            self._letters.popleft()
            self.dropped += 1
        self._put += 1
        self._letters.append(Letter(self._put, topic, payload))
        self._filled.set()
        self._emptied.clear()

    async def oldest(self, most: int) -> list[Letter]:
        """The oldest letters, at least one; they stay in the box."""
        await self._filled.wait()
        return list(islice(self._letters, most))

    def acknowledge(self, letters: list[Letter]) -> None:
        """The broker holds these, which are the last answer of :meth:`oldest`."""
        while self._letters and self._letters[0].number <= letters[-1].number:
            self._letters.popleft()
            self.acknowledged += 1
        if not self._letters:
            self._filled.clear()
            self._emptied.set()

    async def empty(self) -> None:
        """Wait until everything that was put in is acknowledged or dropped."""
        await self._emptied.wait()
