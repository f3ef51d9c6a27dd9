"""An entity in the keeper's hands: as it was last written, and what came since. Pure.

Telemetry states the whole of an asset, so of several that wait for the next write only the newest is taken in; each
still counts as an update.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from summit_core.model import AnyObservation, Entity, Freshness, Ignored, Telemetry

from summit_fabric.entities import absorb, link_lost, substance

CLOCKS_EVERY: Final = timedelta(seconds=5)
"""How often a version is written in which only the clocks are new."""


class Wait:
    """Until so many entities are written; ``settled`` is called then."""

    __slots__ = ("_missing", "_settled")

    def __init__(self, missing: int, settled: Callable[[], None]) -> None:
        self._missing, self._settled = missing, settled

    def release(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._settled()


class Held:
    """``received_at`` is the arrival of the newest observation that is not visible yet, ``looked_at`` the loop's time
    at which it was last decided whether to write, and ``waits`` are those who wait for the next time."""

    __slots__ = ("_entity", "_label", "_newest", "_superseded", "looked_at", "received_at", "waits", "written")

    def __init__(self, entity: Entity, *, written: Entity | None = None) -> None:
        self._entity = entity
        self._newest: Telemetry | None = None
        self._superseded = 0
        self._label: str | None = None
        self.written = written
        self.received_at: datetime | None = None
        self.looked_at = 0.0
        self.waits: list[Wait] = []

    @property
    def entity(self) -> Entity:
        """With all that came."""
        if self._newest is not None:
            entity = absorb(self._entity, self._newest) or self._entity
            label = self._newest.label or self._label or entity.label
            self._entity = replace(entity, updates=entity.updates + self._superseded, label=label)
            self._newest, self._superseded, self._label = None, 0, None
        return self._entity

    @entity.setter
    def entity(self, entity: Entity) -> None:
        """``entity`` is made from the present one."""
        self._entity, self._newest = entity, None

    @property
    def freshness(self) -> Freshness:
        return "live" if self._newest is not None else self._entity.freshness

    @property
    def heard_at(self) -> datetime:
        newest = self._newest
        return self._entity.heard_at if newest is None else newest.received_at or newest.observed_at

    @property
    def changed(self) -> bool:
        return self._newest is not None or self._entity is not self.written

    def take(self, observation: AnyObservation) -> bool:
        """Take an observation in, unless the picture is newer than it. A recording that is played again after it fell
        silent starts anew."""
        known = self._newest or self._entity
        if observation.observed_at < known.observed_at:
            again = observation.recording is not None and self.freshness == "lost"
            if not again:
                self._ignore(observation, known.observed_at)
                return False
        if type(observation) is Telemetry and observation.category != "sensor":
            self._superseded += self._newest is not None
            self._newest = observation
            self._label = observation.label or self._label
        else:
            self.entity = absorb(self.entity, observation) or self.entity
        self.received_at = observation.received_at
        return True

    def lose(self, now: datetime) -> None:
        """The broker gave us the last will of the device."""
        self.entity = link_lost(self.entity, now)

    def must_write(self, now: datetime) -> bool:
        """Whether the present version says something new, or only its clocks do and have waited long enough."""
        entity, written = self.entity, self.written
        if written is None or entity.location != written.location or substance(entity) != substance(written):
            return True
        return self.changed and now - written.updated_at >= CLOCKS_EVERY

    def _ignore(self, observation: AnyObservation, newer: datetime) -> None:
        at = observation.received_at or observation.observed_at
        reason = f"observed {(newer - observation.observed_at).total_seconds():.3f} s before what is known already"
        ignored = Ignored(id=str(observation.id), observed_at=observation.observed_at, at=at, reason=reason)
        self.entity = replace(self.entity, ignored=ignored)
