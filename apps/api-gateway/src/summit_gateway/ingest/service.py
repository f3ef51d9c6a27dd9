"""Observations at the HTTP door: each is judged, the good are stored before we say so, the bad are counted."""

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr
from summit_core import wire
from summit_core.bus import Bus, Outgoing
from summit_core.bus.owners import Owners
from summit_core.bus.streams import DEADLETTER_SUBJECT
from summit_core.bus.subjects import BATCH_HEADERS, BATCH_SUBJECT
from summit_core.clock import Clock
from summit_core.errors import ErrorCode, InputError
from summit_core.ids import derived_id, new_id
from summit_core.model import AnyObservation, DeadLetter, Principal, Role
from summit_core.observability.metrics import RECEIVED, REJECTED
from summit_core.security.decision import Reason, Thing, decide
from summit_core.security.permissions import Permission

DOOR: Final = "http"
SUBJECT: Final = "POST /v1/observations"
DEAD_LETTERS: Final = f"{DEADLETTER_SUBJECT}.{DOOR}"
JUDGED_AT_ONCE: Final = 250
"""Then others get their turn: a full request would hold up the stream's frames for 30 ms."""
OBSERVATIONS_A_MESSAGE: Final = 500
BYTES_A_MESSAGE: Final = 256 * 1024
PAYLOAD_KEPT: Final = 4096
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
    good: list[AnyObservation]
    bad: list[tuple[int, bytes, InputError]]


class Ingest:
    """Raises :class:`UnavailableError` when the broker does not store; the ids make a resend harmless."""

    def __init__(self, bus: Bus, clock: Clock, owners: Owners) -> None:
        self._bus = bus
        self._clock = clock
        self._owners = owners

    async def accept(
        self, items: list[bytes], principal: Principal, media: wire.Media = "json", *, trace: str | None = None
    ) -> Outcome:
        """Judge each item; when this returns, JetStream holds the accepted ones and the reasons for the others.

        The letters go last: a request that fails before is sent again, and then shall not be counted twice. What names
        no ``trace`` of its own is of this one.
        """
        judged = _Judged([], [])
        for start in range(0, len(items), JUDGED_AT_ONCE):
            self._judge(items, start, principal, media, judged)
            await asyncio.sleep(0)
        if trace is not None:
            for one in judged.good:
                force_setattr(one, "trace", one.trace or trace)
        await self._bus.publish_many(list(_messages(judged.good)))
        letters = [self._letter(item, error, principal) for _, item, error in judged.bad]
        await self._bus.publish_many([(DEAD_LETTERS, wire.encode(letter), letter.id) for letter in letters])
        rejected = [
            Rejection(index=index, code=error.code, field=error.field, detail=error.detail)
            for index, _, error in judged.bad
        ]
        return Outcome(accepted=len(judged.good), rejected=rejected, ids=[str(one.id) for one in judged.good])

    async def refuse(self, body: bytes, error: InputError, principal: Principal, *, size: int | None = None) -> None:
        """Count a request that could not be read at all."""
        letter = self._letter(body, error, principal, size=size)
        await self._bus.publish(DEAD_LETTERS, wire.encode(letter), msg_id=letter.id)

    def _judge(self, items: list[bytes], start: int, principal: Principal, media: wire.Media, judged: _Judged) -> None:
        now = self._clock.now()
        for index, item in enumerate(items[start : start + JUDGED_AT_ONCE], start):
            try:
                observation = wire.decode_observation(item, now=now, media=media)
                _check_source(observation, principal)
                self._owners.check(observation, principal.owner)
            except InputError as error:
                judged.bad.append((index, item, error))
            else:
                wire.own(observation, principal.owner)
                force_setattr(observation, "received_at", None)  # fabric says it; and a resend is the same bytes
                judged.good.append(observation)

    def _letter(self, item: bytes, error: InputError, principal: Principal, *, size: int | None = None) -> DeadLetter:
        # What is refused here never reaches fabric, so it is counted here; what passes is counted there.
        RECEIVED.labels(door=DOOR).inc()
        REJECTED.labels(door=DOOR, code=error.code).inc()
        source = _source_of(item, principal, error)
        ours = source is not None and self._owners.of(source) == principal.owner  # nobody charges another's source
        return DeadLetter(
            id=new_id(),
            at=self._clock.now(),
            door=DOOR,
            subject=SUBJECT,
            code=error.code,
            message=error.detail[:4000],
            field=error.field[:200] if error.field else None,
            source=source if ours else None,
            size=len(item) if size is None else size,
            payload=item[:PAYLOAD_KEPT],
            organisation=principal.owner,
        )


def _messages(observations: list[AnyObservation]) -> Iterator[Outgoing]:
    """Grouped, in order, with their ids: those that we return are those that are stored.

    The broker swallows a resend of the same bytes. Another observation under a used id is not swallowed here, where
    nobody counts it: fabric decides.
    """
    for start in range(0, len(observations), OBSERVATIONS_A_MESSAGE):
        yield from _halved(observations[start : start + OBSERVATIONS_A_MESSAGE])


def _halved(observations: list[AnyObservation]) -> Iterator[Outgoing]:
    data = wire.encode_batch(observations)
    if len(data) <= BYTES_A_MESSAGE or len(observations) == 1:
        same = derived_id(observations[0].observed_at, data)
        yield Outgoing(BATCH_SUBJECT, data, same, BATCH_HEADERS)
        return
    middle = len(observations) // 2
    yield from _halved(observations[:middle])
    yield from _halved(observations[middle:])


def _check_source(observation: AnyObservation, principal: Principal) -> None:
    thing = Thing(principal.owner, voices=(observation.source,))  # whose the source is, the owners are asked
    if decide(principal, Permission.OBSERVE, thing).reason is Reason.VOICE:
        raise InputError(
            f"source is {observation.source!r} but the key is of {principal.name!r}; a device writes only as itself",
            code=ErrorCode.SOURCE_MISMATCH,
            field="source",
        )


class _Source(Struct):
    source: Annotated[str, msgspec.Meta(max_length=64)]


def _source_of(item: bytes, principal: Principal, error: InputError) -> str | None:
    """Whom to charge: a device for all it sends, else the source that the item names, where that can be read and is not
    somebody else's."""
    name = principal.name if principal.role is Role.DEVICE else _stated_source(item)
    if principal.role is not Role.DEVICE and error.code is ErrorCode.SOURCE_MISMATCH:
        return None
    return name if name is not None and _key.fullmatch(name) else None


def _stated_source(item: bytes) -> str | None:
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            return decode(item, type=_Source).source
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None
