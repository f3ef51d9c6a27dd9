"""How long a command waits for a gateway that is away, or that asks it to slow down."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import click

BUSY: Final = 429
AWAY: Final = frozenset({502, 503, 504})
RETRIABLE: Final = AWAY | {BUSY}
AWAY_S: Final = 60.0
BUSY_S: Final = 180.0
"""Windows of the gateway's limits are a minute: that long a command of many requests waits, and no longer."""


class Patience:
    """For one request: two budgets, because a gateway that answers 429 is not away. ``Retry-After`` counts, else the
    pauses grow from 0.2 s to 5 s."""

    def __init__(self, gateway: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._gateway = gateway
        self._sleep = sleep
        self._left = {True: BUSY_S, False: AWAY_S}
        self._pause = 0.2

    async def wait(self, status: int, detail: str, headers: Mapping[str, str]) -> None:
        """Until the next attempt; raises :class:`click.ClickException` when that would take too long. A second or more
        of it is told to whoever looks at the terminal."""
        busy, stated = status == BUSY, headers.get("Retry-After", "")
        pause = max(self._pause, float(stated)) if stated.isascii() and stated.isdigit() else self._pause
        self._pause = min(5.0, self._pause * 2)
        if pause > self._left[busy]:
            raise click.ClickException(self._given_up(busy, pause, detail))
        self._left[busy] -= pause
        if busy and pause >= 1:
            click.echo(f"the gateway asks to slow down; going on in {pause:.0f} s", err=True)
        await self._sleep(pause)

    def _given_up(self, busy: bool, pause: float, detail: str) -> str:
        if busy:
            return (
                f"the gateway wants {pause:.0f} s more before it takes another request ({detail}); try again then, "
                "or raise the limit (SUMMIT_LIMITS)"
            )
        return f"the gateway {self._gateway} was away for {AWAY_S:.0f} s ({detail}); see `summit status`"
