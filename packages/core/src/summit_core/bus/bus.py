"""One connection to NATS: publish with an acknowledgement, request and reply, streams, readiness."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as JetStreamError

from summit_core.bus.streams import declared
from summit_core.errors import ConflictError, UnavailableError

log = structlog.get_logger(__name__)

WRONG_LAST_SEQUENCE = 10071
ACK_TIMEOUT_S = 5.0
OPTIONS: dict[str, Any] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.25,
    "connect_timeout": 2,
    "ping_interval": 5,
    "max_outstanding_pings": 2,
    "pending_size": 0,  # nothing is buffered while the broker is away: the caller is told, and keeps its message
}


class Bus:
    """Owns the connection. ``client`` and ``jetstream`` are for the adapters beside it, not for services."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.on_reconnect: set[Callable[[], None]] = set()
        self.jetstream: JetStreamContext = client.jetstream(timeout=ACK_TIMEOUT_S)

    @classmethod
    async def connect(cls, url: str, *, name: str) -> "Bus":
        """Connect, and stay connected for ever: NATS may come later than we do, and may go away."""

        async def on_error(error: Exception) -> None:
            log.warning("bus error", error=str(error), kind=type(error).__name__)

        async def on_reconnected() -> None:
            for wake in tuple(bus.on_reconnect):
                wake()

        client = Client()
        bus = cls(client)
        await client.connect(url, name=name, error_cb=on_error, reconnected_cb=on_reconnected, **OPTIONS)
        return bus

    async def ensure_streams(self) -> None:
        """Create the declared streams, or bring existing ones to the declaration."""
        for config in declared():
            try:
                await self.jetstream.stream_info(str(config.name))
                await self.jetstream.update_stream(config)
            except NotFoundError:
                await self.jetstream.add_stream(config)

    async def publish(
        self, subject: str, data: bytes, *, msg_id: str | None = None, headers: dict[str, str] | None = None
    ) -> int:
        """Store one message; returns its stream sequence once JetStream holds it.

        ``msg_id`` makes a repeated publish within two minutes harmless. Raises :class:`UnavailableError` when the
        broker does not acknowledge, :class:`ConflictError` when an expected sequence is no longer the last.
        """
        all_headers: dict[str, Any] = dict(headers or {})
        if msg_id:
            all_headers["Nats-Msg-Id"] = msg_id
        try:
            ack = await self.jetstream.publish(subject, data, headers=all_headers or None, timeout=ACK_TIMEOUT_S)
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise ConflictError(f"{subject} was changed by another writer; read it again") from error
            raise UnavailableError(f"the broker refused: {error.description}", retry_after_s=2) from error
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            raise UnavailableError("the broker does not answer; try again", retry_after_s=2) from error
        return int(ack.seq)

    async def publish_many(self, messages: Sequence[tuple[str, bytes, str | None]]) -> list[int]:
        """Store many messages (subject, data, msg_id), pipelined; all acknowledged when it returns."""
        return list(await asyncio.gather(*(self.publish(s, d, msg_id=m) for s, d, m in messages)))

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
        """Readiness: None when the broker answers a round trip."""
        if not self.client.is_connected:
            return "not connected to NATS"
        try:
            await self.client.flush(timeout=2)
        except (NatsError, OSError) as error:
            return f"NATS does not answer: {error}"
        return None

    async def close(self) -> None:
        await self.client.close()
