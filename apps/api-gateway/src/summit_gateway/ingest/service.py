"""Observations at the HTTP door: each is judged, the good are stored before we say so, the bad are counted."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from summit_core import wire
from summit_core.bus import Bus
from summit_core.bus.streams import DEADLETTER_SUBJECT
from summit_core.clock import Clock
from summit_core.errors import ErrorCode, InputError
from summit_core.ids import derived_id, new_id
from summit_core.model import AnyObservation, DeadLetter, Principal, Role
from summit_core.observability.metrics import RECEIVED, REJECTED

DOOR: Final = "http"
SUBJECT: Final = "POST /v1/observations"
DEAD_LETTERS: Final = f"{DEADLETTER_SUBJECT}.{DOOR}"
IN_FLIGHT: Final = 256
PAYLOAD_KEPT: Final = 4096
T = TypeVar("T")
_key = re.compile(r"[A-Za-z0-9_:\-]{1,64}")


class Rejection(Struct, frozen=True, kw_only=True):
    """One refused item; ``index`` is its place in the request."""

    index: int
    code: ErrorCode
    field: str | None
    detail: str


class Outcome(Struct, frozen=True, kw_only=True):
    """``ids`` are those of the accepted ones, in order."""

    accepted: int
    rejected: list[Rejection]
    ids: list[str]


class _Judged(NamedTuple):
    good: list[tuple[bytes, AnyObservation]]
    bad: list[tuple[int, bytes, InputError]]


class Ingest:
    """Raises :class:`UnavailableError` when the broker does not store; the ids make a resend harmless."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def accept(self, items: list[bytes], principal: Principal) -> Outcome:
        """Judge each item; when this returns, JetStream holds the accepted ones and the reasons for the others."""
        judged = self._judge(items, principal)
        await _bounded(lambda one: self._publish(*one), judged.good)
        await _bounded(lambda one: self._bury(one[1], one[2], principal), judged.bad)
        rejected = [
            Rejection(index=index, code=error.code, field=error.field, detail=error.detail)
            for index, _, error in judged.bad
        ]
        return Outcome(accepted=len(judged.good), rejected=rejected, ids=[str(one.id) for _, one in judged.good])

    async def refuse(self, body: bytes, error: InputError, principal: Principal, *, size: int | None = None) -> None:
        """Count a request that could not be read at all."""
        await self._bury(body, error, principal, size=size)

    def _judge(self, items: list[bytes], principal: Principal) -> _Judged:
        judged = _Judged([], [])
        now = self._clock.now()
        for index, item in enumerate(items):
            try:
                observation = wire.decode_observation(item, now=now)
                _check_source(observation, principal)
            except InputError as error:
                judged.bad.append((index, item, error))
            else:
                judged.good.append((item, observation))
        return judged

    async def _publish(self, item: bytes, observation: AnyObservation) -> None:
        subject = f"observations.{observation.__struct_config__.tag}"
        headers = {"Summit-Door": DOOR}
        # The broker swallows a resend of the same bytes. Another observation under a used id must not be swallowed
        # here, where nobody counts it: fabric decides.
        same = derived_id(observation.observed_at, observation.source, item)
        # Encoded anew, with its id: the id that we return is the one that is stored.
        await self._bus.publish(subject, wire.encode(observation), msg_id=same, headers=headers)

    async def _bury(self, item: bytes, error: InputError, principal: Principal, *, size: int | None = None) -> None:
        # What is refused here never reaches fabric, so it is counted here; what passes is counted there.
        RECEIVED.labels(door=DOOR).inc()
        REJECTED.labels(door=DOOR, code=error.code).inc()
        letter = DeadLetter(
            id=new_id(),
            at=self._clock.now(),
            door=DOOR,
            subject=SUBJECT,
            code=error.code,
            message=error.detail[:4000],
            field=error.field[:200] if error.field else None,
            source=_source_of(item, principal),
            size=len(item) if size is None else size,
            payload=item[:PAYLOAD_KEPT],
        )
        await self._bus.publish(DEAD_LETTERS, wire.encode(letter), msg_id=letter.id)


def _check_source(observation: AnyObservation, principal: Principal) -> None:
    if principal.role is Role.DEVICE and observation.source != principal.name:
        raise InputError(
            f"source is {observation.source!r} but the key is of {principal.name!r}; a device writes only as itself",
            code=ErrorCode.SOURCE_MISMATCH,
            field="source",
        )


class _Source(Struct):
    source: Annotated[str, msgspec.Meta(max_length=64)]


def _source_of(item: bytes, principal: Principal) -> str | None:
    """Whom to charge: a device for all it sends, else the source that the item names, where that can be read."""
    name = principal.name if principal.role is Role.DEVICE else _stated_source(item)
    return name if name is not None and _key.fullmatch(name) else None


def _stated_source(item: bytes) -> str | None:
    try:
        return msgspec.json.decode(item, type=_Source).source
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def _bounded(act: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """All of it, at most ``IN_FLIGHT`` at a time. At the first error the rest is called off: the caller sends it again,
    and the two would arrive mixed."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(item: T) -> None:
        async with gate:
            await act(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
