"""A TCP proxy that misbehaves when told to: what a network, or a program behind it, may do to a client.

ok       passes everything on
latency  passes everything on, each piece ``latency_s`` late
hang     takes connections and bytes, and answers nothing, as a stopped process does
reset    breaks each connection (RST) as soon as it brings something
down     nobody listens
"""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Literal

Mode = Literal["ok", "latency", "hang", "reset", "down"]
PIECE = 64 * 1024


class ChaosProxy:
    """Listens on ``port`` of the loopback, before ``target`` on the same."""

    def __init__(self, target: int, port: int) -> None:
        self.port, self.target = port, target
        self.mode: Mode = "ok"
        self.latency_s = 0.3
        self.taken = 0
        """Connections that were taken."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def become(self, mode: Mode) -> None:
        """Behave so from now on, on the connections that are open as well."""
        self.mode = mode
        if mode == "down":
            await self._stop()
        elif self._server is None:
            self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def close(self) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        far_writer: asyncio.StreamWriter | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            to, back = self._pipe(reader, far_writer, writer), self._pipe(far_reader, writer, writer)
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(to)
                pipes.create_task(back)
        except* (OSError, ConnectionError):
            pass
        finally:
            self._open.discard(task)
            for one in (writer, far_writer):
                if one is not None:
                    one.close()

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while piece := await source.read(PIECE):
            if self.mode == "reset":
                _reset(client)
                raise ConnectionResetError
            if self.mode == "latency":
                await asyncio.sleep(self.latency_s)
            if self.mode == "hang":
                await asyncio.Event().wait()
            sink.write(piece)
            await sink.drain()
        raise ConnectionResetError("one side has closed")  # ends the other direction as well


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    plain = writer.get_extra_info("socket")
    with suppress(OSError):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
