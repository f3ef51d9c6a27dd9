"""The one way in which fabric changes a registration: one write at a time, and only if something is different."""

import asyncio
from collections.abc import Callable

from summit_core.bus import Mirror, WorldWriter
from summit_core.clock import Clock
from summit_core.errors import ConflictError
from summit_core.model import Registration


class RegistrationWriter:
    """What it has written is read at once from the mirror."""

    def __init__(self, mirror: Mirror, writer: WorldWriter, clock: Clock) -> None:
        self._mirror = mirror
        self._writer = writer
        self._clock = clock
        self._turn = asyncio.Lock()

    async def change(self, key: str, to: Callable[[Registration], Registration]) -> int | None:
        """The version after the change; None where there is no such registration (any more)."""
        async with self._turn:
            known = self._mirror.get("registrations", key, Registration)
            if known is None:
                return None
            wanted = to(known[0])
            return known[1] if wanted == known[0] else await self._put(wanted, expected=known[1])

    def check_new(self, key: str) -> None:
        """Raises :class:`ConflictError` where there is one of this id."""
        if key in self._mirror.changes("registrations"):
            raise ConflictError(f"the id {key} is taken: change what has it, or choose another")

    async def add(self, registration: Registration) -> int:
        """The version of a new one; raises :class:`ConflictError` where there is one of this id."""
        async with self._turn:
            self.check_new(registration.id)
            return await self._put(registration, expected=None)

    async def remove(self, key: str) -> None:
        async with self._turn:
            owner = self._mirror.owner("registrations", key)
            change = await self._writer.leave("registrations", key, at=self._clock.now(), organisation=owner)
            self._mirror.apply(change)

    async def _put(self, registration: Registration, *, expected: int | None) -> int:
        at, body = self._clock.now(), registration
        change = await self._writer.put("registrations", body.id, body, at=at, expected=expected)
        self._mirror.apply(change)
        return change.seq
