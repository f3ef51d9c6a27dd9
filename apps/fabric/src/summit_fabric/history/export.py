"""Exports: everything of an area and an interval as one document, read and written a page at a time.

No transaction and no cursor is open between pages: what is stored never changes, so going on behind the last row read
gives the same rows, and a client that is slow or gone holds nothing of the database.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from summit_core.errors import InputError
from summit_core.model import WORLD_TYPES, WorldType

from summit_fabric.history import item as items
from summit_fabric.history.area import Area
from summit_fabric.history.formats import FORMATS, Format
from summit_fabric.history.item import OBSERVATIONS
from summit_fabric.history.past import BEGINNING, FIRST_ID, Moment, Past
from summit_fabric.sight import observed

PAGE: Final = 1000
LONGEST: Final = timedelta(days=366)
ENTITIES: Final[tuple[WorldType, ...]] = ("entities",)
STANDARD: Final = (OBSERVATIONS, "entities")
WORLD_IN_ORDER: Final = (*(type_ for type_ in WORLD_TYPES if type_ != "entities"), *ENTITIES)
"""Entities last, because a GPX document has its tracks behind its waypoints."""
NAMES: Final = (OBSERVATIONS, *WORLD_IN_ORDER)


class Export(Struct, frozen=True, kw_only=True):
    """since <= t < until: by the source's clock for observations, by ours for versions."""

    since: datetime
    until: datetime
    types: tuple[str, ...]
    format: str
    area: Area | None = None

    @property
    def file_name(self) -> str:
        return f"summit-{self.since:%Y%m%dT%H%M%SZ}-{self.until:%Y%m%dT%H%M%SZ}.{self.format}"


def checked(since: datetime, until: datetime, types: str | None, format_: str, area: Area | None) -> Export:
    """Raises :class:`InputError`."""
    if not since < until <= since + LONGEST:
        raise InputError(f"until: must lie after since, by at most {LONGEST.days} days", field="until")
    wanted = STANDARD if types is None else tuple(types.split(","))
    for name in wanted:
        if name not in NAMES:
            raise InputError(f"types: unknown {name!r}; use some of {', '.join(NAMES)}", field="types")
    in_order = tuple(name for name in NAMES if name in wanted)
    return Export(since=since, until=until, types=in_order, format=format_, area=area)


async def document(past: Past, wanted: Export) -> AsyncGenerator[bytes, None]:
    """The parts of the document. Only one page is held at a time."""
    form = FORMATS[wanted.format]()
    yield form.head()
    if OBSERVATIONS in wanted.types:
        async for part in _observations(past, wanted, form):
            yield part
    for type_ in WORLD_IN_ORDER:
        if type_ in wanted.types:
            async for part in _versions(past, wanted, form, type_):
                yield part
    yield form.tail()


async def _observations(past: Past, wanted: Export, form: Format) -> AsyncIterator[bytes]:
    cells = wanted.area.cells() if wanted.area else None
    after = (BEGINNING, FIRST_ID)
    while True:
        page = await past.observations(wanted.since, wanted.until, after=after, cells=cells, limit=PAGE)
        yield b"".join(form.item(one) for one in map(items.of_observation, page) if _lies_in(one, wanted))
        if len(page) < PAGE:
            return
        after = (page[-1].t, page[-1].id)


def _lies_in(one: items.Item, wanted: Export) -> bool:
    return one.within(wanted.area) and observed(one.body)


async def _versions(past: Past, wanted: Export, form: Format, type_: WorldType) -> AsyncIterator[bytes]:
    after = ""
    while True:
        keys = await past.keys(type_, wanted.since, wanted.until, after=after, limit=PAGE)
        for key in keys:
            async for part in _of_one(past, wanted, form, type_, key):
                yield part
        if len(keys) < PAGE:
            return
        after = keys[-1]


async def _of_one(past: Past, wanted: Export, form: Format, type_: WorldType, key: str) -> AsyncIterator[bytes]:
    after = Moment(BEGINNING, 0)
    while True:
        page = await past.versions(type_, key, wanted.since, wanted.until, after=after, limit=PAGE)
        parts = []
        for version in page:
            one = items.of_version(version)
            parts.append(form.item(one) if one is not None and one.within(wanted.area) else form.gap())
        if parts:
            yield b"".join(parts)
        if len(page) < PAGE:
            return
        after = Moment(page[-1].stored_at, page[-1].seq)
