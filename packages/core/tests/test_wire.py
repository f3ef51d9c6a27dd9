"""One connection to a service: however its bytes are cut the answer is the same; what is no clean end closes it."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import ClientPayloadError
from hypothesis import given
from hypothesis import strategies as st
from summit_core.http.client.wire import MAX_HEAD_BYTES, BrokenOffError, Reply, Wire

JSON = b"Content-Type: Application/JSON; charset=utf-8\r\n"
ANSWERS = {
    b"HTTP/1.1 200 OK\r\n" + JSON + b'ETag: "7"\r\nX-Other: a\r\nContent-Length: 2\r\n\r\n{}': Reply(
        200, "application/json", {"ETag": '"7"'}, b"{}"
    ),
    b"HTTP/1.1 409 Conflict\r\n"
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n4\r\n    \r\n1\r\n}\r\n0\r\n\r\n": (
        Reply(409, "application/json", {}, b"{    }")
    ),
    b"HTTP/1.1 103 Early Hints\r\nVary: x\r\n\r\nHTTP/1.1 200 OK\r\nvary: a\r\nVARY: b\r\nContent-Length: 0\r\n\r\n": (
        Reply(200, "application/octet-stream", {"Vary": "a, b"}, b"")
    ),
    b"HTTP/1.1 304 Not Modified\r\nCache-Control: no-store\r\n\r\n": (
        Reply(304, "application/octet-stream", {"Cache-Control": "no-store"}, b"")
    ),
}


class Line(asyncio.Transport):
    """What was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True


def joined() -> tuple[Wire, Line]:
    wire, line = Wire(), Line()
    wire.connection_made(line)
    return wire, line


async def exchange(wire: Wire, pieces: list[bytes]) -> Reply:
    loop = asyncio.get_running_loop()
    asking = loop.create_task(wire.ask(b"GET", until=loop.time() + 5, silence_s=5))
    await asyncio.sleep(0)
    for piece in pieces:
        wire.data_received(piece)
    return await asking


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % len(data) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(at)]


@given(answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=4), places=st.lists(st.integers(0, 999)))
def test_however_the_bytes_are_cut_the_answers_are_the_same(answers: list[bytes], places: list[int]) -> None:
    async def one_after_the_other() -> None:
        wire, line = joined()
        for answer in answers:
            assert await exchange(wire, cut(answer, places)) == ANSWERS[answer]
            assert wire.is_free
        assert (len(line.written), line.closed) == (len(answers), False)

    asyncio.run(one_after_the_other())


@given(answer=st.sampled_from(sorted(ANSWERS)), places=st.lists(st.integers(0, 999)), more=st.binary(min_size=1))
def test_what_follows_an_answer_unasked_closes_the_connection(answer: bytes, places: list[int], more: bytes) -> None:
    async def one() -> None:
        wire, line = joined()
        assert await exchange(wire, [*cut(answer, places), more]) == ANSWERS[answer]
        assert (wire.is_free, line.closed) == (False, True)

    async def in_one_piece() -> None:
        wire, line = joined()
        reply = await exchange(wire, [answer + b"HTTP/1.1 200 OK\r\nETag: stolen\r\nContent-Length: 1\r\n\r\nx"])
        assert reply == ANSWERS[answer]
        assert (wire.is_free, line.closed) == (False, True)

    asyncio.run(one())
    asyncio.run(in_one_piece())


@given(answer=st.sampled_from([one for one in sorted(ANSWERS) if b"304" not in one]), place=st.integers(0, 999))
def test_an_answer_that_ends_early_is_none(answer: bytes, place: int) -> None:
    async def broken() -> None:
        wire, _ = joined()
        loop = asyncio.get_running_loop()
        asking = loop.create_task(wire.ask(b"GET", until=loop.time() + 5, silence_s=5))
        await asyncio.sleep(0)
        wire.data_received(answer[: place % len(answer)])
        wire.connection_lost(None)
        with pytest.raises((BrokenOffError, ClientPayloadError)):
            await asking
        assert not wire.is_free

    asyncio.run(broken())


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    wire, _ = joined()
    loop = asyncio.get_running_loop()
    asking = loop.create_task(wire.ask(b"GET", until=loop.time() + 5, silence_s=5))
    await asyncio.sleep(0)
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\nab")
    wire.data_received(b"c")
    wire.connection_lost(None)
    assert (await asking).body == b"abc"
    assert not wire.is_free


async def test_a_head_without_end_is_no_answer() -> None:
    wire, line = joined()
    endless = b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * MAX_HEAD_BYTES
    with pytest.raises(ClientPayloadError):
        await exchange(wire, [endless])
    assert line.closed


async def test_silence_ends_it_and_each_word_gives_more_time() -> None:
    wire, line = joined()
    loop = asyncio.get_running_loop()
    began = loop.time()
    asking = loop.create_task(wire.ask(b"GET", until=began + 5, silence_s=0.1))
    await asyncio.sleep(0)
    loop.call_later(0.08, wire.data_received, b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(TimeoutError):
        await asking
    assert 0.15 < loop.time() - began < 3
    assert line.closed


async def test_who_calls_off_closes_it() -> None:
    wire, line = joined()
    loop = asyncio.get_running_loop()
    asking = loop.create_task(wire.ask(b"GET", until=loop.time() + 5, silence_s=5))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    assert (line.closed, wire.is_free) == (True, False)
