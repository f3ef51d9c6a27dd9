"""One sensor, robot or feed over MQTT 3.1.1: it observes, reports itself, takes tasks and answers them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiomqtt
from msgspec.structs import replace
from summit_core.clock import Clock, SystemClock
from summit_core.errors import InputError
from summit_core.ids import new_id
from summit_core.model import AnyObservation, Task, TaskStatus, Telemetry
from summit_core.security.context import TlsFiles
from summit_core.wire import decode, decode_observation, encode

from summit_sdk.endpoints import Endpoints, MqttEndpoint
from summit_sdk.outbox import Letter, Outbox
from summit_sdk.retry import Backoff

log = logging.getLogger("summit_sdk")

Answer = Literal["received", "accepted", "executing", "done", "refused", "failed"]
WINDOW = 10
"""Publishes that wait for their PUBACK at once: order is kept and a slow link is still filled."""
REMEMBERED = 256
"""Tasks whose last answer is kept, so that a repeated dispatch is answered and not done twice."""
KEEPALIVE_S = 15


class Device:
    """Use it as ``async with``. ``observe``, ``telemetry`` and ``answer`` never wait: what they send lies in a bounded
    buffer until the broker has acknowledged it (QoS 1), through cuts and restarts of the broker. What the buffer had to
    let go is counted in ``dropped`` and is a gap in ``seq`` for the server. Entering does not wait for the broker.

    The MQTT client id is ``id``: run a device once. ``seq`` starts at ``first_seq``. A device with a credential of its
    own (its user name is its id) names itself in the topic of what it observes, which is all that it may publish on.
    Every ``heartbeat_s`` seconds it says that it is online.
    """

    def __init__(
        self,
        broker: MqttEndpoint,
        id_: str,
        *,
        capacity: int = 10_000,
        first_seq: int = 0,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        heartbeat_s: float = 20.0,
        ca_file: str | Path | None = None,
        cert_file: str | Path | None = None,
        key_file: str | Path | None = None,
    ) -> None:
        """``cert_file`` and ``key_file``: its own certificate; ``ca_file``: the authority of the broker's. They go
        before those of ``broker`` and are read again when they were renewed. Raises :class:`InputError` where one is
        missing."""
        self.id = id_
        self.connected = asyncio.Event()
        self.connections = 0
        self.malformed_dispatches = 0
        self._broker = replace(broker, tls=TlsFiles.of(ca_file, cert_file, key_file, broker.tls))
        self._outbox = Outbox(capacity)
        self._seq = first_seq
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._heartbeat_s = heartbeat_s
        self._own_topics = broker.username == id_
        self._answers: dict[str, TaskStatus] = {}
        self._dispatched: asyncio.Queue[Task] = asyncio.Queue()
        self._link: asyncio.Task[None] | None = None

    @classmethod
    def from_endpoints(cls, path: str | Path, id_: str, *, credential: str | None = None, **options: Any) -> Self:
        """A device of the Summit OS whose ``endpoints.json`` is at ``path``; ``options`` as for the constructor.

        ``credential``: what ``summit device register`` showed once. Without it the device uses the shared user of a
        development installation.
        """
        broker = Endpoints.read(path).broker()
        if credential is not None:
            broker = replace(broker, username=id_, password=credential)
        return cls(broker, id_, **options)

    async def __aenter__(self) -> Self:
        self._link = asyncio.create_task(self._stay_connected(), name=f"mqtt-{self.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._link is None:
            return
        self._outbox.put(self._status_topic, _status("offline"))
        await self.flush(timeout_s=2.0)
        self._link.cancel()
        with suppress(asyncio.CancelledError):
            await self._link

    @property
    def pending(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return len(self._outbox)

    @property
    def sent(self) -> int:
        """Messages that the broker has acknowledged."""
        return self._outbox.acknowledged

    @property
    def dropped(self) -> int:
        """Messages that the full buffer let go."""
        return self._outbox.dropped

    def observe(self, kind: str, **fields: Any) -> AnyObservation:
        """Send one observation of ``kind``. Fields are those of ``summit.observation/1`` (write ``class_`` for class);
        ``observed_at`` is now where it is not given. The checks are those of the server, so a wrong field is known here
        and now: :class:`InputError` names it."""
        now = self._clock.now()
        named = {name.rstrip("_"): value for name, value in fields.items()}
        content = {"observed_at": now, "id": new_id(), **named, "kind": kind, "source": self.id}
        observation = decode_observation(encode(content), now=now, kind=kind)
        return self.send(replace(observation, received_at=None))

    def telemetry(self, **fields: Any) -> AnyObservation:
        """Send what the device says of itself: ``lat``, ``lon``, ``category``, ``battery`` …"""
        return self.observe("telemetry", **fields)

    def send(self, observation: AnyObservation) -> AnyObservation:
        """Send an observation that is already made; numbers and names it where it has no ``seq`` or ``id``."""
        if observation.seq is None:
            observation = replace(observation, seq=self._seq)
            self._seq += 1
        if observation.id is None:
            observation = replace(observation, id=new_id())
        self._outbox.put(self._topic_of(observation), encode(observation))
        return observation

    async def tasks(self) -> AsyncIterator[Task]:
        """Each dispatched task, once. It is already answered ``received``; a repeated dispatch gets the last answer."""
        while True:
            yield await self._dispatched.get()

    def answer(self, task_id: str, state: Answer, progress: float | None = None, note: str = "") -> None:
        """Say how a task goes; ``progress`` 0 to 1."""
        self._say(TaskStatus(task=task_id, state=state, at=self._clock.now(), progress=progress, note=note))

    async def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until the broker has everything; false where it did not in time."""
        try:
            await asyncio.wait_for(self._outbox.empty(), timeout_s)
        except TimeoutError:
            log.warning("%s: %d messages are not acknowledged", self.id, self.pending)
        return self.pending == 0

    @property
    def _status_topic(self) -> str:
        return f"devices/{self.id}/status"

    def _topic_of(self, observation: AnyObservation) -> str:
        if isinstance(observation, Telemetry):
            return f"devices/{self.id}/telemetry"
        topic = f"observations/{_kind(observation)}"
        return f"{topic}/{self.id}" if self._own_topics else topic

    def _say(self, status: TaskStatus) -> None:
        self._answers.pop(status.task, None)
        self._answers[status.task] = status
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._outbox.put(f"tasks/{self.id}/status", encode(status))

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                async with self._client() as client:
                    attempt = 0
                    await self._converse(client)
            except* aiomqtt.MqttError as lost:
                reasons = "; ".join(str(error) for error in lost.exceptions)
                log.warning(
                    "%s: link to %r is down (%s), %d messages wait", self.id, self._broker, reasons, self.pending
                )
            self.connected.clear()
            attempt += 1
            await asyncio.sleep(self._backoff.delay(attempt))

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            identifier=self.id,
            keepalive=KEEPALIVE_S,
            tls_context=None if self._broker.tls is None else self._broker.tls.context(),
            will=aiomqtt.Will(self._status_topic, _status("offline"), qos=1),
        )

    async def _converse(self, client: aiomqtt.Client) -> None:
        # QoS 0 is enough to listen: a dispatch is repeated until `received` comes back, and the broker then needs no
        # durable consumer for every device.
        await client.subscribe(f"tasks/{self.id}/dispatch", qos=0)
        await client.publish(self._status_topic, _status("online"), qos=1)
        self.connections += 1
        self.connected.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_all(client))
            group.create_task(self._receive(client))
            group.create_task(self._beat(client))

    async def _send_all(self, client: aiomqtt.Client) -> None:
        while True:
            letters = await self._outbox.oldest(WINDOW)
            await asyncio.gather(*(self._publish(client, letter) for letter in letters))
            self._outbox.acknowledge(letters)

    async def _beat(self, client: aiomqtt.Client) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            await client.publish(self._status_topic, _status("online"), qos=1)

    async def _publish(self, client: aiomqtt.Client, letter: Letter) -> None:
        await client.publish(letter.topic, letter.payload, qos=1)

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Runs for the whole of a connection: it is also what notices that the connection ended."""
        async for message in client.messages:
            self._take(message.payload if isinstance(message.payload, bytes) else b"")

    def _take(self, payload: bytes) -> None:
        try:
            task = decode(payload, Task)
        except InputError as error:
            self.malformed_dispatches += 1
            log.warning("%s: dispatch not understood: %s", self.id, error)
            return
        last = self._answers.get(task.id)
        if last is not None:
            self._say(replace(last, at=self._clock.now()))
            return
        self.answer(task.id, "received")
        self._dispatched.put_nowait(task)


def _kind(observation: AnyObservation) -> str:
    return str(observation.__struct_config__.tag)


def _status(status: Literal["online", "offline"]) -> bytes:
    return encode({"status": status})
