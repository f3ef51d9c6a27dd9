"""Liveness and readiness with reasons (checklist C8): loops beat, dependencies are asked, one total deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from summit_core.errors import outward

Check = Callable[[], Awaitable[str | None]]
"""Returns None when the dependency answers, else the reason why not."""

SILENT_AFTER_S = 15.0


@dataclass
class _Loop:
    max_age_s: float
    beaten_at: float
    reason: str | None = "has not run yet"


@dataclass
class HealthMonitor:
    """Collects the state of the loops and dependencies of one service."""

    deadline_s: float = 2.0
    loops: dict[str, _Loop] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    notes: dict[str, Check] = field(default_factory=dict)
    """What an operator should know although the service is ready."""
    _asked: dict[str, asyncio.Task[str | None]] = field(default_factory=dict, init=False, repr=False)

    def expect(self, name: str, max_age_s: float | None = None) -> None:
        """A loop of this name must beat at least so often: every 15 s, or as whoever said so last."""
        loop = self.loops.setdefault(name, _Loop(SILENT_AFTER_S, monotonic()))
        loop.max_age_s = loop.max_age_s if max_age_s is None else max_age_s

    def beat(self, name: str) -> None:
        """The loop ``name`` is at work and well."""
        self.expect(name)
        loop = self.loops[name]
        loop.beaten_at, loop.reason = monotonic(), None

    def fail(self, name: str, reason: str) -> None:
        """The loop ``name`` has stopped for now, for this reason."""
        self.expect(name)
        self.loops[name].reason = reason

    def loop_problems(self) -> dict[str, str]:
        now = monotonic()
        return {
            name: loop.reason or f"silent for {now - loop.beaten_at:.0f} s"
            for name, loop in self.loops.items()
            if loop.reason or now - loop.beaten_at > loop.max_age_s
        }

    async def problems(self) -> dict[str, str]:
        """Everything that keeps the service from being ready; empty when it is ready."""
        names = list(self.checks)
        answers = await asyncio.gather(*(self._ask(name, self.checks[name]) for name in names))
        found = {name: reason for name, reason in zip(names, answers, strict=True) if reason}
        return found | self.loop_problems()

    async def noted(self) -> dict[str, str]:
        """What holds less well than it should, while the work is done all the same."""
        return {name: reason for name, check in self.notes.items() if (reason := await self._ask(name, check))}

    async def _ask(self, name: str, check: Check) -> str | None:
        """One question of a name at a time. One that is late is cancelled but not waited for: to cancel a query
        PostgreSQL is spoken to as well, and that hangs just as long."""
        asked = self._asked.get(name)
        if asked is None or asked.done():
            asked = self._asked[name] = asyncio.create_task(_answer(check))
        await asyncio.wait({asked}, timeout=self.deadline_s)
        if asked.done() and not asked.cancelled():
            return asked.result()
        asked.cancel()
        return f"no answer within {self.deadline_s:.0f} s"


async def _answer(check: Check) -> str | None:
    try:
        return await check()
    except OSError as error:
        return outward(error)
