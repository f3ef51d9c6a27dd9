"""A GET over the session's own pool: its connections, bounds, certificates and parser, without what aiohttp prepares
for cookies, forms, redirects and addresses of any kind. That is most of what a small request that is passed on costs.

Only what needs no quoting goes this way (:func:`is_plain`); the rest goes by the session's own.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from weakref import WeakSet

from aiohttp import (
    ClientConnectionResetError,
    ClientConnectorError,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    ServerDisconnectedError,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy
from yarl import URL

_target: Final = re.compile(r"(?:/(?:[A-Za-z0-9_:\-][A-Za-z0-9_:.\-]*)?)+(?:\?[A-Za-z0-9_:.,=&\-]*)?")
_value: Final = re.compile(r"[\x20-\x7e]*")


class Reply(NamedTuple):
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip().lower()


def is_plain(target: str, headers: Mapping[str, str]) -> bool:
    """Whether every letter may be sent as it is: nothing to be quoted, nothing that could end a line."""
    return _target.fullmatch(target) is not None and all(map(_value.fullmatch, headers.values()))


class Lean:
    """One service. ``server_name``: whose name its certificate must bear."""

    def __init__(self, session: ClientSession, url: str, server_name: str | None) -> None:
        self._session = session
        self._url = URL(url)
        self._server_name = server_name
        self._prefix = self._url.raw_path.rstrip("/")
        self._peer: ClientRequest | None = None
        self._kept: WeakSet[ResponseHandler] = WeakSet()
        """What has brought an answer already."""

    async def get(self, target: str, headers: Mapping[str, str], timeout: ClientTimeout) -> Reply:
        """Raises what the session raises: :class:`aiohttp.ClientError`, ``TimeoutError``."""
        lines = [f"GET {self._prefix}{target} HTTP/1.1", f"Host: {self._url.host_port_subcomponent}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\nAccept-Encoding: identity\r\n\r\n").encode("ascii")
        async with asyncio.timeout(timeout.total):
            connection = await self._connect(timeout)
            kept = connection.protocol in self._kept
            try:
                return await self._exchange(connection, head, timeout)
            except ClientConnectorError:
                raise
            except (ClientOSError, ServerDisconnectedError):
                if (
                    not kept
                ):  # else it may have been closed meanwhile; a new one that breaks off is the service's answer
                    raise
                return await self._exchange(await self._connect(timeout), head, timeout)

    async def _exchange(self, connection: Connection, head: bytes, timeout: ClientTimeout) -> Reply:
        clean = False
        try:
            reply = await _ask(connection, head, timeout)
            clean = True
            if connection.protocol is not None:
                self._kept.add(connection.protocol)
            return reply
        finally:
            if clean:
                connection.release()
            else:
                connection.close()

    async def _connect(self, timeout: ClientTimeout) -> Connection:
        if self._session.connector is None:
            raise ClientConnectionResetError("the session is closed")
        if self._peer is None:  # only its address, encryption and name are looked at
            loop = asyncio.get_running_loop()
            self._peer = ClientRequest("GET", self._url, loop=loop, server_hostname=self._server_name)
        try:
            return await self._session.connector.connect(self._peer, [], timeout)
        except TimeoutError as error:
            raise ConnectionTimeoutError from error


async def _ask(connection: Connection, head: bytes, timeout: ClientTimeout) -> Reply:
    """One exchange, to the end of the body."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or transport.is_closing():
        raise ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_timeout=timeout.sock_read)
    transport.write(head)
    protocol.start_timeout()
    try:
        message, payload = await protocol.read()
        while 100 <= message.code < 200:
            message, payload = await protocol.read()
    except HttpProcessingError as error:
        raise ClientPayloadError from error
    return Reply(message.code, message.headers, await payload.read())
