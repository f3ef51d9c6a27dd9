"""Tracks as entities: what the tracker changed since the last publication, and back from entities after a restart."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from summit_core.model import Entity, Kinematics, Location, Position

from summit_fusion.hazards import OWNER
from summit_fusion.track import Track, Tracker


class Tracks:
    """Confirmed tracks, published when they changed. Pure: times come with the observations."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._changed: dict[str, Track] = {}
        self._published: set[str] = set()
        self._ended: set[str] = set()

    def observe(self, position: Position) -> None:
        """Take in one position; late and repeated ones change nothing."""
        update = self._tracker.observe(position)
        if update is not None and update.track.phase == "confirmed":
            self._changed[update.track.id] = update.track

    def changed(self, now: datetime) -> list[Entity]:
        """Tracks that moved, coast or are lost by ``now``; call ``settle`` once they are published."""
        for update in self._tracker.sweep(now):
            if update.change == "deleted":
                self._changed.pop(update.track.id, None)
                if update.track.id in self._published:
                    self._ended.add(update.track.id)
            elif update.track.phase == "confirmed":
                self._changed[update.track.id] = update.track
        return [_entity(track, now) for track in self._changed.values()]

    def settle(self, published: Iterable[Entity]) -> None:
        """These versions are out; what changed meanwhile stays due."""
        for entity in published:
            self._published.add(entity.id)
            due = self._changed.get(entity.id)
            if due is not None and (due.updates, due.freshness) == (entity.updates, entity.freshness):
                del self._changed[entity.id]

    def ended(self) -> list[str]:
        """Published tracks that were deleted; they leave the picture once."""
        ended, self._ended = sorted(self._ended), set()
        self._published.difference_update(ended)
        return ended

    def restore(self, entities: Iterable[Entity]) -> None:
        """Go on from published tracks."""
        tracks = [track for track in map(_track, entities) if track is not None]
        self._published.update(track.id for track in tracks)
        self._tracker.restore(tracks)


def _entity(track: Track, now: datetime) -> Entity:
    east, north = track.velocity_enu_mps
    course = math.degrees(math.atan2(east, north)) % 360.0 if east or north else None
    return Entity(
        id=track.id,
        kind="track",
        owner=OWNER,
        class_=track.class_,
        label=track.label,
        observed_at=track.at,
        heard_at=track.heard_at,
        updated_at=now,
        freshness=track.freshness,
        location=Location(lat=track.lat, lon=track.lon, alt_m=track.alt_m, cov_m2=track.cov_m2),
        kinematics=Kinematics(
            speed_mps=min(track.speed_mps, 5000.0),
            course_deg=course,
            velocity_enu_mps=track.velocity_enu_mps,
            state_cov=track.cov,
        ),
        existence=track.existence,
        sources=track.sources,
        identities=track.identities,
        updates=track.updates,
        recording=track.recording,
        causes=track.observations,
    )


def _track(entity: Entity) -> Track | None:
    """The track that was published; its interval is learnt anew."""
    kinematics, location = entity.kinematics, entity.location
    if location is None or kinematics is None or kinematics.velocity_enu_mps is None or kinematics.state_cov is None:
        return None
    track = Track(
        id=entity.id,
        at=entity.observed_at,
        heard_at=entity.heard_at,
        lat=location.lat,
        lon=location.lon,
        velocity_enu_mps=kinematics.velocity_enu_mps,
        cov=kinematics.state_cov,
        existence=entity.existence or 0.5,
        phase="confirmed",
    )
    return replace(
        track,
        freshness="lost" if entity.freshness == "expired" else entity.freshness,
        sources=entity.sources,
        identities=entity.identities,
        class_=entity.class_,
        label=entity.label,
        alt_m=location.alt_m,
        recording=entity.recording,
        observations=entity.causes,
        updates=entity.updates,
        last_source=entity.sources[-1] if entity.sources else "",
    )
