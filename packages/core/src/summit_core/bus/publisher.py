"""Publishing into JetStream, pipelined: every message gets its own acknowledgement, whichever stream it comes from.

The reply subject of each message carries its batch and its place there, so acknowledgements may come in any order.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

import msgspec

from summit_core.bus.message import Message
from summit_core.bus.protocol import CRLF, check_subject, header_block, inbox
from summit_core.bus.thin import Connection
from summit_core.errors import ConflictError, InputError, SummitError, TooLargeError, UnavailableError

ACK_TIMEOUT_S: Final = 5.0
"""Without any acknowledgement of a batch."""
WINDOW: Final = 8192
"""Messages underway on the connection. The server refuses more than 10,000 for a stream (``max_buffered_msgs``)."""
IN_ONE_WRITE: Final = 256
NO_RESPONDERS: Final = b"NATS/1.0 503"
WRONG_LAST_SEQUENCE: Final = 10071


class Outgoing(NamedTuple):
    """One message. ``msg_id`` makes a repeated publish within two minutes harmless."""

    subject: str
    data: bytes
    msg_id: str | None = None
    headers: Mapping[str, str] | None = None


Outcome = int | SummitError
"""The stream sequence of a message, or why it has none."""


class _Refusal(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Refusal | None = None


_decode_ack = msgspec.json.Decoder(_Ack).decode


class _Batch:
    """The messages of one call. An outcome is None as long as it is not known; ``underway`` counts those that the
    broker has and has not answered, ``sent`` is where the first stands that it has not."""

    __slots__ = ("done", "messages", "missing", "outcomes", "sent", "underway", "watch")

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self.messages = messages
        self.outcomes: list[Outcome | None] = [None] * len(messages)
        self.missing = len(messages)
        self.sent = self.underway = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watch: asyncio.TimerHandle

    def settle(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: SummitError) -> None:
        """Nothing is known of what has no outcome yet, and never will be."""
        for index, outcome in enumerate(self.outcomes):
            if outcome is None:
                self.settle(index, error)


class Publisher:
    """Owns the inbox of the acknowledgements, and the window."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = inbox()
        self._token_at = len(self._inbox) + 1
        self._batches: dict[str, _Batch] = {}
        self._numbers = count()
        self._underway = 0
        self._eased = asyncio.Event()
        connection.subscribe(f"{self._inbox}.>", self._acknowledged)
        connection.on_lost.add(self._lost)
        connection.on_denied.add(self._denied)

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Store the messages; returns when each is known to be stored or not. Nothing is sent again here.

        Outcomes: :class:`ConflictError` when an expected sequence is no longer the last, :class:`TooLargeError` for
        what the broker would cut the connection for, :class:`InputError` for what cannot be a message,
        :class:`UnavailableError` for everything else. A message that failed stops none of the others.
        """
        if not messages:
            return []
        number, batch = str(next(self._numbers)), _Batch(messages)
        self._batches[number] = batch
        self._watch(batch)
        try:
            await self._send(batch, f"{self._inbox}.{number}-")
            await batch.done
        finally:
            batch.watch.cancel()
            del self._batches[number]
            self._ease(batch.underway)
        return [outcome for outcome in batch.outcomes if outcome is not None]

    async def _send(self, batch: _Batch, reply: str) -> None:
        for start in range(0, len(batch.messages), IN_ONE_WRITE):
            while self._underway >= WINDOW and batch.missing:
                self._eased.clear()
                await self._eased.wait()
            if not batch.missing:
                return
            try:
                link = self._connection.link()
                link.write(self._frames(batch, reply, start, link.info.max_payload))
                if batch.sent < len(batch.messages):  # else it goes out with what others write in this turn
                    await link.drain()
            except UnavailableError as error:
                self._give_up(batch, error)
            except TimeoutError:
                self._give_up(batch, UnavailableError("the broker takes nothing; try again", retry_after_s=2))

    def _frames(self, batch: _Batch, reply: str, start: int, limit: int) -> bytes:
        """Of the next messages, except those that cannot be sent. Inlined: this is done for every message."""
        parts: list[bytes] = []
        count, checked = 0, ""
        for index, (subject, data, msg_id, headers) in enumerate(batch.messages[start : start + IN_ONE_WRITE], start):
            if batch.outcomes[index] is not None:
                continue
            try:
                if subject != checked:
                    check_subject(subject)
                    checked = subject
                header = header_block(headers, msg_id) if headers or msg_id else b""
                size = len(header) + len(data)
                if size > limit:
                    raise TooLargeError(f"a message of {size} bytes on {subject}; the broker takes at most {limit}")
            except InputError as error:
                batch.settle(index, error)
                continue
            if header:
                parts += (f"HPUB {subject} {reply}{index} {len(header)} {size}\r\n".encode(), header, data, CRLF)
            else:
                parts += (f"PUB {subject} {reply}{index} {size}\r\n".encode(), data, CRLF)
            count += 1
        batch.sent = min(start + IN_ONE_WRITE, len(batch.messages))
        batch.underway += count
        self._underway += count
        return b"".join(parts)

    def _acknowledged(self, message: Message) -> None:
        number, _, place = message.subject[self._token_at :].partition("-")
        batch = self._batches.get(number)
        if batch is None:  # the caller has given up
            return
        try:
            index = int(place)
            known = batch.outcomes[index]
        except (ValueError, IndexError):  # from somebody who knows our inbox, not from JetStream
            return
        if known is None:
            batch.settle(index, _outcome(message, batch.messages[index][0]))
            batch.underway -= 1
            self._ease(1)

    def _ease(self, settled: int) -> None:
        self._underway -= settled
        if self._underway <= WINDOW // 2 and not self._eased.is_set():
            self._eased.set()

    def _lost(self, reason: str) -> None:
        error = UnavailableError(f"the connection to the broker was lost: {reason}", retry_after_s=2)
        for batch in self._batches.values():
            self._give_up(batch, error)

    def _give_up(self, batch: _Batch, error: SummitError) -> None:
        batch.fail(error)
        given_up, batch.underway = batch.underway, 0
        self._ease(given_up)

    def _denied(self, subject: str) -> None:
        error = UnavailableError(f"the broker does not let us publish on {subject}")
        for batch in self._batches.values():
            for index, message in enumerate(batch.messages):
                if message[0] == subject and batch.outcomes[index] is None:
                    batch.settle(index, error)
                    if index < batch.sent:
                        batch.underway -= 1
                        self._ease(1)

    def _watch(self, batch: _Batch, missing_before: int = -1) -> None:
        """Give up a batch of which nothing was acknowledged for a while."""
        if batch.missing == missing_before:
            self._give_up(batch, UnavailableError("the broker does not answer; try again", retry_after_s=2))
        batch.watch = asyncio.get_running_loop().call_later(ACK_TIMEOUT_S, self._watch, batch, batch.missing)


def _outcome(message: Message, subject: str) -> Outcome:
    if message.header.startswith(NO_RESPONDERS):
        return UnavailableError(f"no stream of the broker takes {subject}", retry_after_s=2)
    try:
        ack = _decode_ack(message.data)
    except msgspec.DecodeError:
        return UnavailableError("the broker's acknowledgement cannot be read", retry_after_s=2)
    if ack.error is None:
        return ack.seq
    if ack.error.err_code == WRONG_LAST_SEQUENCE:
        return ConflictError(f"{subject} was changed by another writer; read it again")
    return UnavailableError(f"the broker refused: {ack.error.description}", retry_after_s=2)
