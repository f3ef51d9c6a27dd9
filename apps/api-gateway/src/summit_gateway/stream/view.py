"""View: what one client sees of the world. Pure: the frame of a change depends on the versions before and after it, and
on nothing that a client did, so a client that comes back can be told exactly what it missed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from summit_core import wire
from summit_core.model import WORLD_TYPES, WorldType
from summit_core.security.decision import DEFAULT_SCOPE, Scope, Thing

from summit_gateway.stream.filter import EVERYTHING, Filter, Test, conditions
from summit_gateway.stream.frames import Frame
from summit_gateway.stream.projection import Fields, Tree, project, tree_of
from summit_gateway.stream.version import Step, Version, settled


@dataclass(frozen=True)
class View:
    """Clients with equal views share their frames. ``fields``: bodies have these only; ``binary``: positions do not
    come as JSON. ``scope``: what there is for them at all."""

    filter: Filter = EVERYTHING
    fields: Fields | None = None
    binary: bool = False
    scope: Scope = DEFAULT_SCOPE

    @cached_property
    def _tests(self) -> dict[WorldType, tuple[Test, ...]]:
        """What an object of each type has to pass."""
        all_of_them = conditions(self.filter)
        return {type_: tuple(test for applies, test in all_of_them if type_ in applies) for type_ in WORLD_TYPES}

    @cached_property
    def _tree(self) -> Tree | None:
        return None if self.fields is None else tree_of(self.fields)

    def check(self) -> None:
        """Raises :class:`InputError` when the filter cannot be used."""
        _ = self._tests

    def holds(self, version: Version) -> bool:
        """Whether an object is in the view."""
        return self.filter.admits(version.key) and self._passes(version)

    def frame(self, step: Step) -> Frame | None:
        """What the change means to this view, None when nothing."""
        before, after = step.before, step.after
        if not self.filter.admits(step.key):
            return None
        was = step.unknown and self.scope.holds(Thing(step.owner)) if before is None else self._passes(before)
        if after is None or not self._passes(after):
            reason = "filtered" if after is not None else step.reason
            return Frame(self, step.seq, step.key, "leave", True, None, reason) if was else None
        if not was or before is None:
            return Frame(self, step.seq, step.key, "upsert", was, after)
        if self.binary and step.may_be_move and self._is_move(step, before, after):
            return Frame(self, step.seq, step.key, "move", True, after) if before.record != after.record else None
        if self._tree is not None and self._projected(before) == self._projected(after):
            return None
        return Frame(self, step.seq, step.key, "upsert", True, after)

    def text(self, version: Version) -> str:
        """The ``upsert`` of a version."""
        numbered = self.binary and version.record is not None
        if self._tree is None and not numbered:
            return version.text
        frame = version.head
        if numbered:
            frame["handle"] = version.handle
        frame["body"] = version.body if self._tree is None else self._projected(version)
        return wire.encode(frame).decode()

    def _passes(self, version: Version) -> bool:
        if not self.scope.holds(version):
            return False
        for test in self._tests[version.key[0]]:  # noqa: SIM110  (hot: a generator would cost more than most tests)
            if not test(version):
                return False
        return True

    def _is_move(self, step: Step, before: Version, after: Version) -> bool:
        if self._tree is None:
            return step.is_move
        return settled(self._projected(before)) == settled(self._projected(after))

    def _projected(self, version: Version) -> dict[str, Any]:
        return project(version.members, self._tree or {})
