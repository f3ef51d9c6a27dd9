"""Picture: the objects of the world as they are shown, from any sequence of changes. Without I/O.

The live picture (:class:`~summit_core.bus.mirror.Mirror`) is one that follows the stream; one of the past is made by
applying the latest changes up to a moment.
"""

from bisect import bisect_left
from collections import Counter
from typing import TypeVar

import msgspec
import structlog

from summit_core.bus import effective
from summit_core.bus.change import Change, Listener
from summit_core.model import WORLD_TYPES, Entity, Merge, Override, WorldObject, WorldType
from summit_core.observability.metrics import UNREADABLE

log = structlog.get_logger(__name__)
T = TypeVar("T", bound=WorldObject)


class Picture:
    """Every reader sees *effective* entities: what operators have said lies over what the owner wrote. An override
    therefore reaches listeners as the new version of its entity, never as a change of its own: one event of the stream
    is at most one change. Only an owner reads its entities as it wrote them (:meth:`owned_by`, :meth:`written`).
    """

    def __init__(self, types: tuple[WorldType, ...] = tuple(WORLD_TYPES)) -> None:
        overlaid = "entities" in types and "overrides" not in types
        self.types: tuple[WorldType, ...] = (*types, "overrides") if overlaid else types
        self._written: dict[WorldType, dict[str, Change]] = {type_: {} for type_ in self.types}
        self._shown: dict[str, Change] = {}
        """Entities, effective."""
        self._hidden: set[str] = set()
        """Entities that are merged into another one."""
        self._left: dict[tuple[WorldType, str], int] = {}
        self._decoded: dict[tuple[WorldType, str], tuple[Change, WorldObject]] = {}
        self._unreadable: dict[tuple[WorldType, str], Change] = {}
        self._listeners: list[Listener] = []
        self._versions: Counter[WorldType] = Counter()
        self._sorted: dict[WorldType, list[str]] = {}

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every change, in order; it must not block."""
        self._listeners.append(listener)

    def changes(self, type_: WorldType) -> dict[str, Change]:
        """The present objects of a type, entities effective."""
        return self._shown if type_ == "entities" else self._written[type_]

    def version(self, type_: WorldType) -> int:
        """Another one as soon as anything of :meth:`changes` is another."""
        return self._versions[type_]

    def keys(self, type_: WorldType) -> list[str]:
        """The keys of :meth:`changes`, sorted; kept so from the first time that somebody asks. Not to be changed."""
        if type_ not in self._sorted:
            self._sorted[type_] = sorted(self.changes(type_))
        return self._sorted[type_]

    def get(self, type_: WorldType, key: str, as_: type[T]) -> tuple[T, int] | None:
        """One object and its version."""
        change = self.changes(type_).get(key)
        if change is None:
            return None
        return self._decode(type_, key, change, as_), change.seq

    def find(self, type_: WorldType, key: str, as_: type[T]) -> T | None:
        """One object without its version."""
        found = self.get(type_, key, as_)
        return None if found is None else found[0]

    def owner(self, type_: WorldType, key: str) -> str | None:
        """Whose an object is, as it was written last; None also where there is none."""
        known = self._written[type_].get(key)
        return None if known is None else known.event.organisation

    def all(self, type_: WorldType, as_: type[T]) -> list[T]:
        """Every present object of a type. What nobody can read is counted, logged once and passed over: it may not stop
        whoever looks after all of them."""
        found = []
        for key, change in self.changes(type_).items():
            try:
                found.append(self._decode(type_, key, change, as_))
            except msgspec.DecodeError as error:
                self._tell_unreadable(type_, key, change, error)
        return found

    def written(self, type_: WorldType) -> dict[str, Change]:
        """The present objects of a type as their owners wrote them, merged entities included."""
        return self._written[type_]

    def owned_by(self, owner: str) -> list[Entity]:
        """The entities of an owner as it wrote them: for the owner, who goes on from its own words after a restart."""
        written = self._written["entities"].values()
        entities = (msgspec.json.decode(change.event.body, type=Entity) for change in written)
        return [entity for entity in entities if entity.owner == owner]

    def override(self, key: str) -> Override | None:
        """What operators have said of an entity."""
        return self.find("overrides", key, Override)

    def survivor(self, key: str) -> str:
        """The entity that ``key`` is now known as: itself, unless an operator has merged it."""

        def merge_of(one: str) -> Merge | None:
            said = self.override(one)
            return said.merge if said else None

        return effective.survivor(key, merge_of)

    def trace_of(self, keys: tuple[str, ...]) -> str | None:
        """The trace by which the last of these objects was written that has one."""
        for key in reversed(keys):
            for objects in self._written.values():
                known = objects.get(key)
                if known is not None and known.event.trace is not None:
                    return known.event.trace
        return None

    def apply(self, change: Change) -> None:
        """Take in a change. An owner calls it after its own write, so that it reads what it wrote at once."""
        event = change.event
        objects, name = self._written[event.type], (event.type, event.key)
        known = objects.get(event.key)
        if change.seq <= (known.seq if known is not None else self._left.get(name, 0)):
            return
        if event.op == "delete":
            objects.pop(event.key, None)
            self._left[name] = change.seq
            self._decoded.pop(name, None)
            self._unreadable.pop(name, None)
        else:
            objects[event.key] = change
            self._left.pop(name, None)
        if event.type != "entities":
            self._note(event.type, event.key)
        if event.type in {"entities", "overrides"}:
            self._show(change)
        else:
            self._tell(change)

    def settle(self, seq: int) -> None:
        """Nothing up to ``seq`` will come any more, so what left before it need not be remembered."""
        self._left = {name: left for name, left in self._left.items() if left > seq}

    def forget(self) -> None:
        """The world began anew."""
        self._hidden.clear()
        self._left.clear()
        self._decoded.clear()
        self._unreadable.clear()
        for objects in (self._shown, *self._written.values()):
            objects.clear()
        self._sorted.clear()
        self._versions.update(self.types)

    def _note(self, type_: WorldType, key: str) -> None:
        """What is shown under this key has come, changed or gone."""
        self._versions[type_] += 1
        keys = self._sorted.get(type_)
        if keys is None:
            return
        at = bisect_left(keys, key)
        known = at < len(keys) and keys[at] == key
        if key not in self.changes(type_):
            del keys[at : at + known]
        elif not known:
            keys.insert(at, key)

    def _show(self, change: Change) -> None:
        """The entity that this change is about, as it is now."""
        key, type_ = change.event.key, change.event.type
        entity = self._written.get("entities", {}).get(key)
        if entity is None:
            self._shown.pop(key, None)
            self._hidden.discard(key)
            self._note("entities", key)
            if type_ == "entities":
                self._tell(change)
            return
        override = change if type_ == "overrides" else self._written["overrides"].get(key)
        try:
            shown = effective.effective(entity, override)
        except msgspec.DecodeError:
            shown = Change(change.seq, entity.event)  # nothing can be laid over what is no object
        if shown.event.op == "delete":
            self._shown.pop(key, None)
            self._decoded.pop(("entities", key), None)
            self._note("entities", key)
            if key in self._hidden:
                return
            self._hidden.add(key)
        else:
            self._shown[key] = shown
            self._hidden.discard(key)
            self._note("entities", key)
        self._tell(shown)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def _tell_unreadable(self, type_: WorldType, key: str, change: Change, error: msgspec.DecodeError) -> None:
        if self._unreadable.get((type_, key)) is not change:
            self._unreadable[type_, key] = change
            UNREADABLE.inc()
            log.warning("unreadable object, passed over", type=type_, key=key, seq=change.seq, error=str(error))

    def _decode(self, type_: WorldType, key: str, change: Change, as_: type[T]) -> T:
        cached = self._decoded.get((type_, key))
        if cached is None or cached[0] is not change:
            cached = (change, msgspec.json.decode(change.event.body, type=WORLD_TYPES[type_]))
            self._decoded[type_, key] = cached
        if not isinstance(cached[1], as_):
            raise TypeError(f"{type_} holds {type(cached[1]).__name__}, not {as_.__name__}")
        return cached[1]
