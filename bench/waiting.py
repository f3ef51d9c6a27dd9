"""Waiting for facts that no event tells: of another process, or of several objects. Also for tests."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any


async def eventually(what: Callable[[], Any], *, within_s: float = 15.0, every_s: float = 0.02) -> Any:
    """The first answer of ``what`` (awaited where it has to be) that is true; raises
    :class:`AssertionError` with the last one where none is."""
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
