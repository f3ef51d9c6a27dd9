"""Ask several sources for their first piece at once, and then read one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def ahead(*sources: AsyncIterator[list[T]]) -> AsyncIterator[list[AsyncIterator[list[T]]]]:
    """The same sources, the first piece of each already on its way. What was not read is called off at the end."""
    firsts = [asyncio.create_task(_first(source)) for source in sources]
    try:
        yield [_all(first, source) for first, source in zip(firsts, sources, strict=True)]
    finally:
        for first in firsts:
            first.cancel()
        await asyncio.gather(*firsts, return_exceptions=True)


async def _first(source: AsyncIterator[list[T]]) -> list[T]:
    return await anext(source, [])


async def _all(first: asyncio.Task[list[T]], source: AsyncIterator[list[T]]) -> AsyncIterator[list[T]]:
    yield await first
    async for piece in source:
        yield piece
