"""When a loop that follows something looks again."""

import asyncio
from contextlib import suppress


async def changed(event: asyncio.Event, *, shortest_s: float, longest_s: float) -> None:
    """Return after a pause of ``shortest_s`` and until ``event`` is set, which is waited for ``longest_s`` at most:
    what changes all the time is not looked at each time, and what goes by the clock is looked at anyway."""
    await asyncio.sleep(shortest_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):  # not wait_for: before 3.12 it may swallow our cancellation
            await event.wait()
