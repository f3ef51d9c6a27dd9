"""Lineage: from anything back through its causes to the raw observations it rests on, breadth first."""

import re
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct
from summit_core.bus import Mirror
from summit_core.errors import NotFoundError
from summit_core.model import Lineage, LineageEdge, LineageNode, WorldType
from summit_core.security.acting import acting

from summit_fabric.queries import StoredObject, StoredObservation
from summit_fabric.sight import reaches

NODES_AT_MOST: Final = 500
CAUSES_AT_EACH_END: Final = 40
"""A long-lived object has more causes than can be drawn: its first and its latest ones are followed."""
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SINGULAR: Final[dict[WorldType, str]] = {
    "entities": "entity",
    "incidents": "incident",
    "alerts": "alert",
    "advisories": "advisory",
    "tasks": "task",
    "approvals": "approval",
    "zones": "zone",
    "presences": "presence",
}
"""Not overrides and registrations: their keys are those of the entities that they are about."""


class Archive(Protocol):
    """The recorded past."""

    async def observations_by_id(self, ids: list[str]) -> list[StoredObservation]: ...
    async def objects_by_key(self, keys: list[str]) -> list[StoredObject]: ...
    async def key_of_event(self, identifier: str, at: datetime) -> str | None: ...


class _Found(Struct, frozen=True):
    node: LineageNode
    causes: tuple[str, ...]


async def trace(identifier: str, mirror: Mirror, archive: Archive) -> Lineage:
    """Raises :class:`NotFoundError` when neither the picture nor the archive knows the id."""
    root = await _root(identifier, mirror, archive)
    nodes: dict[str, LineageNode] = {}
    edges: dict[LineageEdge, None] = {}
    frontier, cut = [root], False
    while frontier:
        found = await _look_up(frontier, mirror, archive)
        nodes |= {key: one.node for key, one in found.items()}
        following: dict[str, None] = {}
        for key, one in found.items():
            for cause in one.causes:
                if cause not in nodes and cause not in following:
                    if len(nodes) + len(following) >= NODES_AT_MOST:
                        cut = True
                        continue
                    following[cause] = None
                if cause != key:
                    edges[LineageEdge(key, cause)] = None
        frontier = list(following)
    return Lineage(id=root, nodes=list(nodes.values()), edges=list(edges), truncated=cut)


async def _root(identifier: str, mirror: Mirror, archive: Archive) -> str:
    """The id itself, or the object that the event of this id changed."""
    found = (await _look_up([identifier], mirror, archive))[identifier]
    if found.node.type != "unknown":
        return identifier
    if UUID.fullmatch(identifier):
        key = await archive.key_of_event(identifier, _time_of(identifier))
        if key is not None:
            return key
    raise NotFoundError(f"nothing is known by the id {identifier!r}")


async def _look_up(ids: list[str], mirror: Mirror, archive: Archive) -> dict[str, _Found]:
    """Each id in the picture, among the recorded objects, among the observations; what nobody knows is ``unknown``."""
    found = {one: present for one in ids if (present := _present(one, mirror))}
    found |= _said(ids, mirror)
    for stored in await archive.objects_by_key(ids):
        if stored.type not in SINGULAR or not reaches(stored.type, stored.body):
            continue
        recorded = _of_object(stored.type, stored.key, stored.at, stored.body or b"null", stored.causes)
        present = found.get(stored.key)
        if present is not None:
            causes = tuple(dict.fromkeys((*recorded.causes, *present.causes)))
            recorded = _Found(msgspec.structs.replace(present.node, at=stored.at), causes)
        found[stored.key] = recorded
    rest = [one for one in ids if one not in found]
    for seen in await archive.observations_by_id([one for one in rest if UUID.fullmatch(one)]) if rest else ():
        title = f"{seen.kind} by {seen.source}"
        node = LineageNode(id=seen.id, type="observation", title=title, at=seen.at, source=seen.source)
        found[seen.id] = _Found(node, seen.causes)
    unknown = {
        one: _Found(LineageNode(id=one, type="unknown", title="not recorded (yet)", at=None), ())
        for one in ids
        if one not in found
    }
    return {one: _bounded((found | unknown)[one]) for one in ids}


def _said(ids: list[str], mirror: Mirror) -> dict[str, _Found]:
    """The overrides among these, by the ids of their events: an effective entity has the one that it shows for a cause.
    What was merged into it is what that rests on."""
    found = {}
    for key, change in mirror.changes("overrides").items():
        ours = change.event.organisation == acting().owner
        if ours and change.event.id in ids and (said := mirror.override(key)) is not None:
            words = [
                f"{name} by {one.by}" + (f": {one.reason}" if one.reason else "") for name, one in said.fields.items()
            ]
            words += [f"{other} merged by {one.by}" for other, one in said.absorbed.items()]
            node = LineageNode(
                id=change.event.id, type="override", title="; ".join(words) or "taken back", at=change.event.at
            )
            found[change.event.id] = _Found(node, tuple(said.absorbed))
    return found


def _present(identifier: str, mirror: Mirror) -> _Found | None:
    for type_ in SINGULAR:
        change = mirror.changes(type_).get(identifier)
        if change is not None and change.event.organisation == acting().owner and reaches(type_, change.event.body):
            event = change.event
            return _of_object(type_, identifier, event.at, bytes(event.body), event.causes)
    return None


def _of_object(type_: WorldType, key: str, at: datetime, body: bytes, causes: tuple[str, ...]) -> _Found:
    stated: dict[str, Any] = msgspec.json.decode(body) or {}
    approvals = stated.get("approvals", ()) if type_ == "tasks" else ()
    every = tuple(dict.fromkeys((*approvals, *causes, *stated.get("causes", ()))))
    return _Found(LineageNode(id=key, type=SINGULAR[type_], title=_title(key, type_, stated), at=at), every)


def _title(key: str, type_: WorldType, stated: dict[str, Any]) -> str:
    if type_ == "approvals":
        return f"{stated.get('decision', 'decided')} by {stated.get('by', 'unknown')}"
    if type_ == "presences":
        return f"{stated.get('entity')} {stated.get('event')} {stated.get('zone')}"
    return str(stated.get("title") or stated.get("label") or stated.get("class") or stated.get("name") or key)


def _bounded(found: _Found) -> _Found:
    causes = found.causes
    if len(causes) <= 2 * CAUSES_AT_EACH_END:
        return found
    return _Found(found.node, causes[:CAUSES_AT_EACH_END] + causes[-CAUSES_AT_EACH_END:])


def _time_of(uuid7: str) -> datetime:
    """The time in a UUIDv7 (RFC 9562, section 5.7); 1970 for what lies beyond the calendar."""
    milliseconds = int(uuid7.replace("-", "")[:12], 16)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
