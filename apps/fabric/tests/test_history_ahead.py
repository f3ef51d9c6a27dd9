"""Sources that are asked ahead: whatever ends the reading, each of them has ended when it is over."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest
from summit_fabric.history.ahead import ahead


class Sources:
    """``slow`` ones are still waiting for their first piece when the others have theirs."""

    def __init__(self) -> None:
        self.open = 0

    async def pieces(self, count: int, *, slow: bool = False) -> AsyncGenerator[list[int], None]:
        self.open += 1
        try:
            for number in range(count):
                await (asyncio.Event().wait() if slow else asyncio.sleep(0))
                yield [number]
        finally:
            await asyncio.sleep(0)  # as a cursor of a database, which takes a moment to close
            self.open -= 1


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """What the event loop has to say of tasks and generators that nobody ended."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    return said


async def test_each_source_is_read_whole_and_in_turn(complaints: list[dict[str, Any]]) -> None:
    sources = Sources()
    async with ahead(sources.pieces(3), sources.pieces(0), sources.pieces(2)) as found:
        read = [[piece async for piece in one] for one in found]
    assert read == [[[0], [1], [2]], [[]], [[0], [1]]]
    assert (sources.open, complaints) == (0, [])


@pytest.mark.parametrize("read", [0, 1, 2])
async def test_an_error_in_the_middle_ends_them_all(read: int, complaints: list[dict[str, Any]]) -> None:
    sources = Sources()
    with pytest.raises(ValueError, match="in the middle"):
        async with ahead(sources.pieces(9), sources.pieces(9), sources.pieces(9, slow=True)) as found:
            for _ in range(read):
                await anext(found[0])
            raise ValueError("in the middle")
    assert (sources.open, complaints) == (0, [])


async def test_a_reader_who_goes_while_he_waits_ends_them_all(complaints: list[dict[str, Any]]) -> None:
    sources, waits = Sources(), asyncio.Event()

    async def read() -> None:
        async with ahead(sources.pieces(1), sources.pieces(1, slow=True)) as (quick, slow):
            assert [piece async for piece in quick] == [[0]]
            waits.set()
            await anext(slow)

    reader = asyncio.create_task(read())
    await waits.wait()
    await asyncio.sleep(0)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader
    assert (reader.cancelled(), sources.open, complaints) == (True, 0, [])
