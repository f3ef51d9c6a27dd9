"""The hazards of all cameras, live and in recordings: what the service feeds and publishes."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from summit_core.model import Bearing, Entity

from summit_fusion.cameras import Bias, Camera
from summit_fusion.hazards.relief import Relief
from summit_fusion.hazards.settings import HazardSettings
from summit_fusion.hazards.watch import Watch, WatchState
from summit_fusion.picture import picture_of

NO_HAZARD = frozenset({"vessel", "boat", "aircraft", "drone", "vehicle", "person", "animal", "bird"})
"""Classes of bearings that speak of something that moves."""


class Hazards:
    """Pure: no clock, no I/O; times come with the bearings."""

    def __init__(self, settings: HazardSettings | None = None, relief: Relief | None = None) -> None:
        self._settings = settings or HazardSettings()
        self._relief = relief
        self._watches: dict[str | None, Watch] = {None: Watch(None, self._settings, relief)}

    def observe(self, bearing: Bearing) -> None:
        """Take in one bearing; a repeated or older one of the same camera changes nothing."""
        watch = self._watch(picture_of(bearing))
        if bearing.landmark is not None:
            watch.calibrate(bearing, bearing.landmark)
        elif bearing.class_ not in NO_HAZARD:
            watch.observe(bearing)

    def changed(self, now: datetime) -> list[Entity]:
        """The hazards that bearings or time have changed, each as its new version; call ``settle`` once they are
        published."""
        for watch in self._watches.values():
            watch.update(now)
        return [entity for watch in self._watches.values() for entity in watch.entities(now)]

    def settle(self, published: Iterable[Entity]) -> None:
        """These versions are out; a hazard is told again only after its next change."""
        out = {entity.id: entity for entity in published}
        for watch in self._watches.values():
            for fire in watch.fires.values():
                fire.due = False
                fire.published = out.get(fire.key, fire.published)

    def expire(self, now: datetime) -> list[str]:
        """Forget what nobody has reported for long; returns the ids of the hazards that leave."""
        gone = [key for watch in self._watches.values() for key in watch.expire(now)]
        self._watches = {name: watch for name, watch in self._watches.items() if name is None or not watch.idle()}
        return gone

    def restore(self, entities: Iterable[Entity]) -> None:
        """Go on after a restart from the hazards as they were published; those that are known already are newer
        here."""
        for entity in entities:
            if entity.bearings and entity.id not in self._watch(picture_of(entity)).fires:
                self._watch(picture_of(entity)).restore(entity)

    def bias(self, camera: str) -> Bias:
        """What is known of the live camera's azimuths."""
        return self._watch(None).biases.of(camera)

    def cameras(self) -> list[Camera]:
        """Everything that the live cameras see, with states and reasons, believed or not."""
        return list(self._watch(None).cameras.values())

    def save(self) -> bytes:
        """Everything that is known, for a checkpoint."""
        return msgspec.msgpack.encode([watch.save() for watch in self._watches.values()])

    def load(self, data: bytes) -> None:
        """Go on from a checkpoint; DecodeError when it is none."""
        for state in msgspec.msgpack.decode(data, type=list[WatchState]):
            self._watch(state.recording).resume(state)

    def _watch(self, recording: str | None) -> Watch:
        if recording not in self._watches:
            self._watches[recording] = Watch(recording, self._settings, self._relief)
        return self._watches[recording]
