"""Long answers and long requests: a file from the gateway, or to it, a piece at a time."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import aiohttp
import click
import msgspec

from summit_cli import endpoints_file
from summit_cli.endpoints_file import Endpoints
from summit_cli.patience import BUSY, Patience

PIECE: Final = 64 * 1024
UNHURRIED: Final = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=120.0)
STDOUT: Final = Path("-")
Opening = AbstractAsyncContextManager[aiohttp.ClientResponse]
T = TypeVar("T")


async def download(endpoints: Endpoints, path: str, params: dict[str, str], output: Path) -> int:
    """Into a file that is there only when it is whole (``-``: stdout); returns its size in bytes."""
    if output == STDOUT:
        return await _receive(endpoints, path, params, sys.stdout.buffer)
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            size = await _receive(endpoints, path, params, file)
        draft.replace(output)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return size


async def upload(endpoints: Endpoints, path: str, file: IO[bytes], media_type: str) -> Any:
    """The decoded answer."""

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece

    begin = file.tell()

    def post(session: aiohttp.ClientSession) -> Opening:
        file.seek(begin)  # it may be asked for a second time
        return session.post(endpoints.gateway + path, data=pieces(), headers={"Content-Type": media_type})

    return msgspec.json.decode(await _answered(endpoints, post, aiohttp.ClientResponse.read))


async def _receive(endpoints: Endpoints, path: str, params: dict[str, str], file: IO[bytes]) -> int:
    async def take(answer: aiohttp.ClientResponse) -> int:
        size = 0
        async for piece in answer.content.iter_chunked(PIECE):
            size += file.write(piece)
        return size

    return await _answered(endpoints, lambda session: session.get(endpoints.gateway + path, params=params), take)


async def _answered(
    endpoints: Endpoints,
    ask: Callable[[aiohttp.ClientSession], Opening],
    take: Callable[[aiohttp.ClientResponse], Awaitable[T]],
) -> T:
    """What ``take`` makes of a good answer; asks again where the gateway wants it later. Raises
    :class:`click.ClickException`."""
    patience = Patience(endpoints.gateway)
    while True:
        connector = aiohttp.TCPConnector(ssl=endpoints_file.encryption(endpoints))
        try:
            async with (
                aiohttp.ClientSession(connector=connector, headers=_key(endpoints), timeout=UNHURRIED) as session,
                ask(session) as answer,
            ):
                if answer.status < 400:
                    return await take(answer)
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _away(endpoints, error) from None
        if answer.status != BUSY:
            raise _refused(answer.status, content)
        await patience.wait(BUSY, _detail(content), answer.headers)


def _key(endpoints: Endpoints) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoints_file.admin_key(endpoints)}"}


def _refused(status: int, content: bytes) -> click.ClickException:
    return click.ClickException(f"the gateway refused ({status}): {_detail(content)}")


def _detail(content: bytes) -> str:
    try:
        return str(msgspec.json.decode(content)["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return content[:200].decode(errors="replace")


def _away(endpoints: Endpoints, error: Exception) -> click.ClickException:
    reason = str(error) or type(error).__name__
    return click.ClickException(f"{endpoints.gateway} broke off or is away ({reason}); nothing is complete, try again")
