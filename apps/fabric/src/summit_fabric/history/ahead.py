"""Ask several sources for their first piece at once, and then read one after the other."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


Pieces = AsyncGenerator[list[T], None]


@asynccontextmanager
async def ahead(*sources: Pieces[T]) -> AsyncIterator[list[Pieces[T]]]:
    """The same sources, the first piece of each already on its way. At the end each is closed, read or not: the garbage
    collector would close what is left to it in any order, and while another still reads from it."""
    firsts = [asyncio.create_task(_first(source)) for source in sources]
    found = [_all(first, source) for first, source in zip(firsts, sources, strict=True)]
    try:
        yield found
    finally:
        for first in firsts:
            first.cancel()
        await asyncio.gather(*firsts, return_exceptions=True)
        for one in (*found, *sources):
            await one.aclose()


async def _first(source: Pieces[T]) -> list[T]:
    return await anext(source, [])


async def _all(first: asyncio.Task[list[T]], source: Pieces[T]) -> Pieces[T]:
    yield await first
    async for piece in source:
        yield piece
