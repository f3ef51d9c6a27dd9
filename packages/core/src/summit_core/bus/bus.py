"""One connection to NATS: publish with an acknowledgement, request and reply, streams, readiness."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from summit_core.bus.client import EncryptedClient
from summit_core.bus.publisher import Outcome, Outgoing, Publisher
from summit_core.bus.server import servers
from summit_core.bus.streams import declared
from summit_core.bus.thin import Connection
from summit_core.errors import SummitError, UnavailableError, outward
from summit_core.observability.trace import TRACEPARENT, traceparent

log = structlog.get_logger(__name__)

API_TIMEOUT_S = 5.0
OPTIONS: dict[str, Any] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.25,
    "connect_timeout": 2,
    "ping_interval": 5,
    "max_outstanding_pings": 2,
    "pending_size": 0,  # nothing is buffered while the broker is away: the caller is told, and keeps its message
}


class Bus:
    """Owns two connections: ``connection`` for the hot paths, and nats-py's ``client`` with ``jetstream`` for what is
    rare. All three are for the adapters beside it, not for services."""

    def __init__(self, client: Client, connection: Connection) -> None:
        self.client = client
        self.connection = connection
        self._publisher = Publisher(connection)
        self._both = asyncio.Event()
        self.jetstream: JetStreamContext = client.jetstream(timeout=API_TIMEOUT_S)

    @classmethod
    async def connect(cls, url: str, *, name: str, tls: SSLContext | None = None) -> "Bus":
        """Connect, and stay connected for ever: NATS may come later than we do, and may go away. ``tls``: of
        ``security.tls.client_context``; with it nothing is said to a server that does not encrypt."""

        async def on_error(error: Exception) -> None:
            log.warning("bus error", error=str(error), kind=type(error).__name__)

        async def on_disconnected() -> None:
            bus._both.clear()

        async def on_connected() -> None:
            bus._both.set()

        callbacks: dict[str, Any] = {
            "error_cb": on_error,
            "disconnected_cb": on_disconnected,
            "reconnected_cb": on_connected,
        }
        first = servers(url)[0]
        credentials: dict[str, Any] = {"user": first.user, "password": first.password, "token": first.token}
        client, connection = EncryptedClient(), Connection(url, name=name, tls=tls)
        bus = cls(client, connection)
        addresses = [f"{'tls' if one.tls or tls is not None else 'nats'}://{one}" for one in servers(url)]
        try:
            await client.connect(addresses, name=name, tls=tls, **callbacks, **credentials, **OPTIONS)
            await connection.open()
            await on_connected()
        except asyncio.CancelledError:  # stopped while the broker has not come yet
            await bus.close()
            raise
        return bus

    async def ensure_streams(self) -> None:
        """Create the declared streams, or bring existing ones to the declaration."""
        await self.settled()
        for config in declared():
            try:
                await self.jetstream.stream_info(str(config.name))
                await self.jetstream.update_stream(config)
            except NotFoundError:
                await self.jetstream.add_stream(config)

    async def publish(
        self, subject: str, data: bytes, *, msg_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> int:
        """Store one message; returns its stream sequence once JetStream holds it.

        ``msg_id`` makes a repeated publish within two minutes harmless. The trace of the request being answered goes
        along as ``traceparent``. Raises :class:`UnavailableError` when the
        broker does not acknowledge, :class:`ConflictError` when an expected sequence is no longer the last,
        :class:`TooLargeError` above the broker's limit.
        """
        trace = traceparent()
        if trace is not None:
            headers = {TRACEPARENT: trace, **(headers or {})}
        return (await self.publish_many([Outgoing(subject, data, msg_id, headers)]))[0]

    async def publish_many(self, messages: Iterable[Outgoing | tuple[str, bytes, str | None]]) -> list[int]:
        """Store many messages (subject, data, msg_id), pipelined; all are acknowledged when it returns.

        When some fail, the others are stored all the same, and the error of the first is raised (as of ``publish``).
        """
        sequences = []
        for outcome in await self.publish_each(messages):
            if isinstance(outcome, SummitError):
                raise outcome
            sequences.append(outcome)
        return sequences

    async def publish_each(self, messages: Iterable[Outgoing | tuple[str, bytes, str | None]]) -> list[Outcome]:
        """As ``publish_many``, but says of each message its sequence or its error."""
        return await self._publisher.publish([one if len(one) == 4 else Outgoing(*one) for one in messages])

    async def settled(self) -> None:
        """Wait for nats-py, which comes back a little later than our own connection; not for a broker that is away."""
        self.connection.link()
        with suppress(TimeoutError):
            async with asyncio.timeout(API_TIMEOUT_S):
                await self._both.wait()

    async def request(self, subject: str, data: bytes, *, timeout_s: float = 2.0) -> bytes:
        """Ask and wait for the one answer."""
        try:
            reply = await self.client.request(subject, data, timeout=timeout_s)
        except NatsTimeoutError as error:
            raise UnavailableError(f"nobody answered on {subject} within {timeout_s} s") from error
        except NatsError as error:
            raise UnavailableError(f"nobody answers on {subject}") from error
        return bytes(reply.data)

    async def check(self) -> str | None:
        """Readiness: None when the broker answers a round trip on both connections."""
        if problem := await self.connection.check():
            return problem
        if not self.client.is_connected:
            return "not connected to NATS"
        try:
            await self.client.flush(timeout=2)
        except (NatsError, OSError) as error:
            return f"NATS does not answer: {outward(error)}"
        return None

    async def close(self) -> None:
        await self.connection.close()
        await self.client.close()
