"""What was known at a moment: lists, single objects, whole pictures and trails, the same for any past."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct
from summit_core.bus.effective import effective
from summit_core.clock import Clock
from summit_core.errors import GoneError, InputError, NotFoundError
from summit_core.model import WORLD_TYPES, Override, Trail, WorldType

from summit_fabric.history.ahead import ahead
from summit_fabric.history.past import BEGINNING, Moment, Past, Seen, read_as_of
from summit_fabric.history.trail import points_of, thinned

CHUNK: Final = 5000
SENT_AT_ONCE: Final = 500
"""So that whoever passes them on works on some while the next are written."""
CLOCKS_DIFFER: Final = timedelta(seconds=2)
"""A client whose clock is so much ahead of ours still asks for the present."""


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Seen]
    next: str | None
    moment: Moment


class HistoryService:
    """``reach`` waits until a time or sequence is recorded; ``days``: how long entities are kept."""

    def __init__(self, clock: Clock, days: int, reach: Callable[[datetime | int], Awaitable[None]]) -> None:
        self._clock = clock
        self._days = timedelta(days=days)
        self._reach = reach

    async def recorded(self, at: datetime) -> None:
        """Returns once everything up to a time is; raises :class:`UnavailableError` when that takes long."""
        await self._reach(at)

    async def moment(self, past: Past, as_of: str | None, *, imported: bool) -> Moment:
        """Raises :class:`InputError` for the future, :class:`GoneError` for what is no longer kept."""
        if as_of is None:
            return await past.latest()
        wanted = read_as_of(as_of)
        if imported:
            return await _moment_of(past, wanted)
        now = self._clock.now()
        if isinstance(wanted, datetime):
            if wanted > now + CLOCKS_DIFFER:
                raise InputError("as_of: lies in the future; what will be known is not known yet", field="as_of")
            wanted = min(wanted, now)
        await self._reach(wanted)
        moment = await _moment_of(past, wanted)
        if BEGINNING < moment.at < now - self._days:
            raise GoneError(f"entities are kept for {self._days.days} days; send a later as_of")
        return moment

    async def page(
        self, past: Past, type_: WorldType, filters: Mapping[str, str], moment: Moment, *, limit: int, after: str
    ) -> Page:
        """Objects whose fields have the wanted values, in the order of their keys."""
        found: list[Seen] = []
        chunk = CHUNK if filters else limit + 1
        async for seen in self.shown(past, type_, moment, after=after, chunk=chunk):
            for one in seen:
                if matches(type_, one, filters):
                    if len(found) == limit:
                        return Page(found, found[-1].key, moment)
                    found.append(one)
        return Page(found, None, moment)

    async def one(self, past: Past, type_: WorldType, key: str, filters: Mapping[str, str], moment: Moment) -> Seen:
        """An object; for an entity that was merged into another one by then, that one. Raises
        :class:`NotFoundError`."""
        name, seen, over = key, {key}, None
        if type_ == "entities":
            over = await past.one("overrides", name, moment)
            while (into := _merged_into(over)) is not None and into not in seen:
                name = into
                seen.add(name)
                over = await past.one("overrides", name, moment)
        found = await past.one(type_, name, moment)
        if found is not None:
            found = _laid_over(found, over).sighted(type_)
        if found is None or found.body is None or not matches(type_, found, filters):
            raise NotFoundError(f"nothing called {key} was among the {type_} at that moment")
        return found

    async def shown(
        self, past: Past, type_: WorldType, moment: Moment, *, after: str = "", chunk: int = CHUNK
    ) -> AsyncGenerator[list[Seen], None]:
        """The objects of a moment as they were shown: entities with what operators had said of them by then."""
        over: dict[str, Seen] = {}
        async with ahead(past.objects(type_, moment, after=after, chunk=chunk)) as (objects,):
            if type_ == "entities":
                async for seen in past.objects("overrides", moment, left=True):
                    over |= {one.key: one for one in seen}
            async for seen in objects:
                laid = [_laid_over(one, over.get(one.key)).sighted(type_) for one in seen] if over else seen
                yield [one for one in laid if one.body is not None]

    async def frames(self, past: Past, types: list[WorldType], moment: Moment) -> AsyncIterator[bytes]:
        """The whole picture of a moment as frames of ``/v1/stream``, a line each."""
        async with ahead(*(self.shown(past, type_, moment) for type_ in types)) as pictures:
            for type_, picture in zip(types, pictures, strict=True):
                head = f'{{"op":"upsert","type":"{type_}","key":"'
                async for seen in picture:
                    for start in range(0, len(seen), SENT_AT_ONCE):
                        part = seen[start : start + SENT_AT_ONCE]
                        lines = [f'{head}{one.key}","seq":{one.seq},"body":{one.body}}}\n' for one in part]
                        yield "".join(lines).encode()

    async def trail(
        self, past: Past, key: str, since: datetime, until: datetime, *, every_s: float | None, limit: int
    ) -> Trail:
        """At most ``limit`` points; where there are more versions, by probes, a step each.

        Raises :class:`NotFoundError` when nothing of this id was in the picture then.
        """
        versions = await past.versions("entities", key, since, until, after=Moment(BEGINNING, 0), limit=limit + 1)
        if (
            not any(one.body for one in versions)
            and await past.one("entities", key, await past.latest(at=until)) is None
        ):
            raise NotFoundError(f"no entity {key} is known at that time")
        if len(versions) > limit or every_s:
            smallest = (until - since).total_seconds() / limit
            every_s = max(every_s or 0.0, smallest)
            versions = await past.sampled("entities", key, since, until, every_s=every_s)
        points = thinned(points_of(versions), since, every_s or 0.0)
        return Trail(id=key, since=since, until=until, every_s=every_s or 0.0, points=points[:limit])


async def _moment_of(past: Past, wanted: datetime | int) -> Moment:
    if isinstance(wanted, int):
        return (await past.latest(seq=wanted))._replace(seq=wanted)
    return (await past.latest(at=wanted))._replace(at=wanted)


def matches(type_: WorldType, one: Seen, filters: Mapping[str, str]) -> bool:
    """Whether fields, by their names on the wire, have these values."""
    if not filters:
        return True
    if one.body is None:
        return False
    stated = msgspec.json.decode(one.body, type=_reader(type_, tuple(sorted(filters))))
    return all(getattr(stated, f"f_{name}") == value for name, value in filters.items())


@cache
def _reader(type_: WorldType, names: tuple[str, ...]) -> type[Struct]:
    """Reads only these fields, with the defaults that the wire leaves out. Raises :class:`InputError`."""
    model = WORLD_TYPES[type_]
    known = dict(zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True))
    unset: dict[str, Any] = dict(
        zip(model.__struct_fields__[-len(model.__struct_defaults__) :], model.__struct_defaults__, strict=True)
    )
    for name in names:
        if name not in known:
            raise InputError(f"{name}: no field of {type_}", field=name)
    defaults = {name: value if isinstance(value := unset.get(known[name]), str) else None for name in names}
    fields = [(f"f_{name}", str | None, defaults[name]) for name in names]
    return msgspec.defstruct("Stated", fields, rename={f"f_{name}": name for name in names})


def _merged_into(override: Seen | None) -> str | None:
    if override is None or override.body is None:
        return None
    merge = msgspec.json.decode(override.body, type=Override).merge
    return merge.into if merge else None


def _laid_over(entity: Seen, override: Seen | None) -> Seen:
    if override is None or entity.body is None:
        return entity
    try:
        change = effective(entity.change("entities"), override.change("overrides"))
    except msgspec.DecodeError:  # nothing can be laid over by what nobody can read; the live picture says the same
        return entity
    body = None if change.event.op == "delete" else bytes(change.event.body).decode()
    return Seen(entity.key, max(entity.stored_at, override.stored_at), change.seq, body)


def etag(one: Seen) -> str:
    return f'"{one.seq}"'
