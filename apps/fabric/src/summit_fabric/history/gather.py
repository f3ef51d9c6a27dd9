"""Gathers what belongs to an incident, from the record: its operations, the entities that they rest on or ask for, and
the observations behind those."""

import re
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime, timedelta
from typing import IO, Final

import msgspec
from msgspec import Raw, Struct
from summit_core import wire
from summit_core.errors import NotFoundError
from summit_core.model import WorldType

from summit_fabric.history.bundle import OBSERVATIONS, SOURCES, Account, Manifest, Packer
from summit_fabric.history.past import BEGINNING, Moment, Observed
from summit_fabric.history.recorded import NEVER, Recorded
from summit_fabric.history.service import matches
from summit_fabric.history.version import Version
from summit_fabric.zones.presence import PRESENCE

ENDED: Final = ("closed", "false_alarm")
AFTERWARDS: Final = timedelta(hours=1)
"""How long after its last change an ended incident is still told of."""
PAGE: Final = 1000
ENTITIES_AT_MOST: Final = 1000
OBSERVATIONS_AT_MOST: Final = 200_000
BEHIND: Final[tuple[WorldType, ...]] = ("alerts", "advisories", "tasks")
_uuid: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class _Stated(Struct, frozen=True):
    """What an object names."""

    title: str = ""
    state: str = ""
    source: str = ""
    entity: str = ""
    zone: str = ""
    anchor: str | None = None
    asset: str | None = None
    entities: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


_stated = msgspec.json.Decoder(_Stated).decode


class Gatherer:
    """One bundle. ``named`` are ids that something in it rests on."""

    def __init__(self, past: Recorded, incident: str) -> None:
        self._past = past
        self._incident = incident
        self._named: set[str] = set()
        self._operations: dict[str, list[Version]] = {}

    async def pack(self, file: IO[bytes]) -> Manifest:
        """Raises :class:`NotFoundError` when there was no such incident."""
        title, since, until = await self._gather_operations()
        packer = Packer(file)
        for name, versions in self._operations.items():
            with packer.part(name) as add:
                for version in versions:
                    if version.stored_at < until:
                        add(wire.encode(version))
        entities = await self._entities(since, until)
        zones, presences = await self._zones(entities, until)
        await self._pack_all(packer, "overrides", entities, until)
        await self._pack_all(packer, "zones", sorted(zones), until)
        await self._pack_all(packer, "presences", sorted(presences), until)
        with packer.part("entities") as add:
            for key, start in entities.items():
                async for version in self._versions("entities", key, start, until):
                    self._named.update(_names(version))
                    add(wire.encode(version))
        sources: set[str] = set()
        with packer.part(OBSERVATIONS) as add:
            for observed in await self._observations():
                sources.add(_stated(observed.body).source)
                add(observed.body)
        await self._pack_all(packer, "registrations", sorted(sources | entities.keys()), until)
        with packer.part(SOURCES) as add:
            for name, account in await self._past.accounts_of(sorted(sources)):
                add(wire.encode(Account(id=name, account=Raw(account.encode()))))
        return packer.close(self._incident, title, since, until)

    async def _pack_all(self, packer: Packer, type_: WorldType, keys: Iterable[str], until: datetime) -> None:
        """Every version of these objects from the first one on: what was said long before still holds."""
        with packer.part(type_) as add:
            for key in keys:
                async for version in self._versions(type_, key, BEGINNING, until):
                    add(wire.encode(version))

    async def _gather_operations(self) -> tuple[str, datetime, datetime]:
        """Every version of every operation; returns the incident's title and the interval."""
        moment = await self._past.latest()
        own = [one async for one in self._versions("incidents", self._incident, BEGINNING, NEVER)]
        if not own:
            raise NotFoundError(f"no incident {self._incident} was ever known")
        self._operations["incidents"] = own
        for type_ in BEHIND:
            keys = [key async for key in self._keys_where(type_, moment, "incident", {self._incident})]
            self._operations[type_] = await self._all(type_, keys)
        tasks = {version.key for version in self._operations["tasks"]}
        keys = [key async for key in self._keys_where("approvals", moment, "task", tasks)]
        self._operations["approvals"] = await self._all("approvals", keys)
        every = [version for versions in self._operations.values() for version in versions]
        for version in every:
            self._named.update(_names(version))
        last = _stated(own[-1].body or b"{}")
        since, until = min(one.stored_at for one in every), moment.at + timedelta(milliseconds=1)
        if last.state in ENDED:
            until = min(until, max(one.stored_at for one in every) + AFTERWARDS)
        return last.title, since, until

    async def _keys_where(self, type_: WorldType, moment: Moment, field: str, values: set[str]) -> AsyncIterator[str]:
        async for seen in self._past.objects(type_, moment):
            for one in seen:
                if any(matches(type_, one, {field: value}) for value in values):
                    yield one.key

    async def _all(self, type_: WorldType, keys: Iterable[str]) -> list[Version]:
        return [one for key in keys async for one in self._versions(type_, key, BEGINNING, NEVER)]

    async def _entities(self, since: datetime, until: datetime) -> dict[str, datetime]:
        """The entities that are named, also by one another, each with the moment from which its versions tell how it
        was at ``since``."""
        found: dict[str, datetime] = {}
        tried: set[str] = set()
        while (fresh := sorted(self._named - tried)) and len(found) < ENTITIES_AT_MOST:
            tried.update(fresh)
            for key in fresh:
                before = await self._past.one("entities", key, Moment(since, 2**62))
                start = min(since, before.stored_at) if before else since
                first = await self._past.versions("entities", key, start, until, after=Moment(BEGINNING, 0), limit=1)
                if first:
                    found[key] = start
                    self._named.update(name for one in first for name in _names(one) if not _uuid.fullmatch(name))
        return found

    async def _zones(self, entities: Collection[str], until: datetime) -> tuple[set[str], set[str]]:
        """The zones that these entities crossed or carry with them, and those crossings: of the present, and those that
        an operation names, for they may be gone by now."""
        end, zones, presences = Moment(until, 2**62), set[str](), set[str]()
        async for seen in self._past.objects("presences", end):
            presences.update(one.key for one in seen if _stated(one.body or b"{}").entity in entities)
        async for seen in self._past.objects("zones", end):
            zones.update(one.key for one in seen if _stated(one.body or b"{}").anchor in entities)
        presences.update(name for name in self._named if name.startswith(PRESENCE))
        for key in presences:
            async for version in self._versions("presences", key, BEGINNING, until):
                if version.body is not None:
                    zones.add(_stated(version.body).zone)
        return zones, presences

    async def _observations(self) -> list[Observed]:
        """The observations that are named, also by one another, in the order of time."""
        found: dict[str, Observed] = {}
        tried: set[str] = set()
        while fresh := sorted({name for name in self._named - tried if _uuid.fullmatch(name)})[:PAGE]:
            tried.update(fresh)
            for observed in await self._past.observations_of(fresh):
                found[str(observed.id)] = observed
                self._named.update(_stated(observed.body).causes)
            if len(found) >= OBSERVATIONS_AT_MOST:
                break
        return sorted(found.values())

    async def _versions(self, type_: WorldType, key: str, since: datetime, until: datetime) -> AsyncIterator[Version]:
        after = Moment(BEGINNING, 0)
        while True:
            page = await self._past.versions(type_, key, since, until, after=after, limit=PAGE)
            for version in page:
                yield version
            if len(page) < PAGE:
                return
            after = Moment(page[-1].stored_at, page[-1].seq)


def _names(version: Version) -> set[str]:
    """The ids of what a version rests on or asks for."""
    if version.body is None:
        return set(version.causes)
    said = _stated(version.body)
    return {*version.causes, *said.causes, *said.entities, *([said.asset] if said.asset else [])}
