"""Ends the connections that may no longer be: a credential or certificate that was revoked, a thing that was taken out,
other rights.

The broker itself ends a connection whose credential or certificate has an end when it connects; this is for what
changes afterwards.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from summit_core.bus import Mirror
from summit_core.clock import Clock
from summit_core.observability.health import HealthMonitor

from summit_fabric.registry.certificates import Certificates
from summit_fabric.registry.connections import Connected, Connections
from summit_fabric.registry.credentials import Credentials
from summit_fabric.registry.rights import Grants

LOOP: Final = "fabric-sweep"
EVERY: Final = timedelta(seconds=60)
AGAIN_AFTER: Final = timedelta(seconds=5)
"""A connection that was judged just before a change may be listed just after: it is looked for once more."""
LOOK_S: Final = 1.0
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Sweep:
    """``wake`` it at every change; it also looks each minute, and when the next credential ends."""

    def __init__(
        self,
        connections: Connections,
        mirror: Mirror,
        credentials: Credentials,
        certificates: Certificates,
        grants: Grants,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._mirror = mirror
        self._credentials = credentials
        self._certificates = certificates
        self._grants = grants
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``. Begins when all that it judges by is known."""
        await self._mirror.ready.wait()
        await self._credentials.loaded.wait()
        async with self._connections.open():
            await self._watch(health)

    async def _watch(self, health: HealthMonitor) -> None:
        self.wake()
        due = self._clock.now()
        while True:
            if self._woken.is_set() or self._clock.now() >= due:
                pause = AGAIN_AFTER if self._woken.is_set() else EVERY
                self._woken.clear()
                await self.sweep()
                due = min(self._clock.now() + pause, self._credentials.next_end() or _NEVER)
            health.beat(LOOP)
            self._certificates.refresh()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._woken.wait()

    async def sweep(self) -> int:
        """How many were ended."""
        wrong = [one for one in await self._connections.all() if not self.may_stay(one)]
        for one in wrong:
            await self._connections.kick(one)
        return len(wrong)

    def may_stay(self, one: Connected) -> bool:
        if one.device not in self._mirror.changes("registrations") or not self._certificates.may_stay(one.certificate):
            return False
        held = self._credentials.good(one.credential)
        return held is not None and one.rights == self._grants.of(held).digest
