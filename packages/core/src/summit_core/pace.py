"""When a loop that follows something looks again, and what nobody tells is waited for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any


async def changed(event: asyncio.Event, *, shortest_s: float, longest_s: float) -> None:
    """Return once ``event`` is set, but at least ``shortest_s`` and at most ``longest_s`` seconds later (plus the
    former): what changes all the time is not looked at each time, and what goes by the clock is looked at anyway."""
    await asyncio.sleep(shortest_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):  # not wait_for: before 3.12 it may swallow our cancellation
            await event.wait()


async def eventually(what: Callable[[], Any], *, within_s: float = 15.0, every_s: float = 0.02) -> Any:
    """The first answer of ``what`` (awaited where it has to be) that is true. For facts that no event tells: of another
    process, or of several objects. Raises :class:`AssertionError` with the last answer."""
    last: Any = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                answer = what()
                last = await answer if isawaitable(answer) else answer
                if last:
                    return last
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(f"did not come true within {within_s} s; last: {last!r}") from None
