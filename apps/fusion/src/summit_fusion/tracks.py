"""Tracks as entities: all scenes, what changed in them since it was published, and back from entities or a checkpoint.

Published is only what says something new: a track that moved by more than its noise, that is called otherwise, that is
late or heard again, or that was heard and not written for a while.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import Final

from summit_core.geo import distance_m
from summit_core.model import Detection, Entity, Freshness, Kinematics, Location, Position

from summit_fusion.crossing import LATER_S, heed, hold, take_over
from summit_fusion.hotspots.rows import when
from summit_fusion.metrics import TRACKS
from summit_fusion.named import Area, Named, SceneState
from summit_fusion.picture import organisation_in, picture_of, recording_in
from summit_fusion.profile import Given, Profile
from summit_fusion.scene import Scene
from summit_fusion.state import MOST_SPEED_MPS, State, published

OWNER: Final = "fusion"
STALE_S: Final = 10.0
"""Silence from which a track is stale, at least three of its intervals; lost from three times that."""
INTERVALS: Final = 3.0
LIFETIME_S: Final = 60.0
"""Time constant of belief in silence, at least five intervals; below ``LEAST`` the track leaves the picture."""
LIFETIMES: Final = 5.0
LEAST: Final = 0.1
WIDEST_M: Final = 5_000.0
"""A prediction wider than this is no longer a place: the track is lost."""
PINNED_AGAIN: Final = timedelta(hours=1)
"""A pinned track is written so often however silent it is, or it would end."""
SCENE_OVER_S: Final = 3600.0
"""A recording that nothing came of for so long is over."""


class Tracks:
    """Pure: times come with the observations and with the calls. ``owner``: whose the tracks are, in the picture;
    ``area``: None is the whole world."""

    def __init__(self, *, heartbeat_s: float = 5.0, owner: str = OWNER, area: Area | None = None) -> None:
        self._owner, self._area = owner, area
        self._heartbeat = timedelta(seconds=heartbeat_s)
        self.scenes: dict[str, Scene] = {}
        self._shown: dict[str, Entity] = {}
        """As published."""

    def observe(self, observations: Iterable[Position | Detection]) -> None:
        """Take in what one message brought."""
        by_picture: dict[str, list[Position | Detection]] = {}
        for one in observations:
            by_picture.setdefault(picture_of(one) or "", []).append(one)
        for picture, members in by_picture.items():
            self.scene(picture).observe(members)
        for scene in self.scenes.values():
            take_over(scene)

    def flush(self) -> None:
        """Nothing else is to be expected of this moment."""
        for scene in self.scenes.values():
            scene.flush()

    def look(self) -> None:
        """See what became of everything that was taken in."""
        for scene in self.scenes.values():
            if scene.behind:
                scene.look()

    def changed(self, now: datetime) -> list[Entity]:
        """New versions; call ``settle`` once they are published."""
        due = []
        count: dict[Freshness, int] = {"live": 0, "stale": 0, "lost": 0}
        for picture, scene in self.scenes.items():
            for id_, named in scene.tracks.items():
                freshness = _freshness(named, now)
                if freshness is None:
                    continue
                count[freshness] += 1
                if self._is_due(id_, named, freshness, id_ in scene.touched, now):
                    due.append(_entity(named, picture or None, freshness, now, self._owner))
        for name, tracks in count.items():
            TRACKS.labels(freshness=name).set(tracks)
        return due

    def settle(self, entities: Iterable[Entity]) -> None:
        """These versions are out; what changed meanwhile stays due."""
        for entity in entities:
            self._shown[entity.id] = entity
            scene = self.scenes.get(picture_of(entity) or "")
            named = scene.tracks.get(entity.id) if scene else None
            if scene is not None and named is not None and _is_latest(entity, named):
                scene.touched.discard(entity.id)

    def ended(self, now: datetime) -> list[str]:
        """Published tracks that are no more; call ``left`` once that is out."""
        ended = []
        for id_, entity in self._shown.items():
            scene = self.scenes.get(picture_of(entity) or "")
            named = scene.tracks.get(id_) if scene else None
            if scene is not None and id_ in scene.merged:
                continue  # the picture hides it, and a split needs it
            if named is None and (scene is None or id_ not in scene.gone):
                over = _belief(entity.existence or LEAST, _silence(entity.heard_at.timestamp(), now), 0.0) < LEAST
            else:
                over = named is None or _freshness(named, now) is None
            if over:
                ended.append(id_)
        return ended

    def left(self, ids: Iterable[str], now: datetime) -> None:
        """These have left the picture; recordings that are over are forgotten."""
        for id_ in ids:
            self._shown.pop(id_, None)
        for picture, scene in list(self.scenes.items()):
            scene.gone &= self._shown.keys()
            newest = max((named.profile.heard for named in scene.tracks.values()), default=0.0)
            if picture and not scene.touched and _silence(newest, now) > SCENE_OVER_S:
                del self.scenes[picture]

    def give_way(self, picture: Callable[[str], Entity | None]) -> None:
        """Let go of what other shards show, by the registry or in the picture; it does not leave that."""
        for scene in self.scenes.values():
            heed(scene)
        for id_, shown in list(self._shown.items()):
            other, known = picture(id_), self.scenes.get(picture_of(shown) or "")
            if other is None or other.owner == self._owner:
                continue
            named = known.tracks.get(id_) if known else None
            if known is None or named is None:
                del self._shown[id_]
            elif other.heard_at.timestamp() > named.profile.heard + LATER_S:
                known.let_go(id_)
        for scene in self.scenes.values():
            for id_ in scene.handed:
                self._shown.pop(id_, None)
            scene.handed.clear()

    def merge(self, gone: str, into: str) -> bool:
        """An operator's word: ``gone`` is ``into``. False when one of them is no track of ours."""
        return any(scene.merge(gone, into) for scene in self.scenes.values())

    def split(self, gone: str) -> bool:
        """A merge is taken back."""
        return any(scene.split(gone) for scene in self.scenes.values())

    def merged(self) -> dict[str, str]:
        """What operators have merged, and into which."""
        return {gone: scene.survivor(gone) for scene in self.scenes.values() for gone in scene.merged}

    def pin(self, ids: Set[str]) -> None:
        """An operator's word: these stay, detected or not, and no others."""
        for scene in self.scenes.values():
            for id_ in ids & scene.tracks.keys():
                scene.pin(id_, True)
            for id_ in scene.pinned - ids:
                scene.pin(id_, False)

    def state(self) -> list[SceneState]:
        return [scene.state() for scene in self.scenes.values()]

    def restore(self, state: Iterable[SceneState], entities: Iterable[Entity]) -> None:
        """Go on from a checkpoint, and from what had been published. Raises ValueError for what is damaged."""
        self.scenes = {one.recording or "": Scene.restore(one, self._area) for one in state}
        for scene in self.scenes.values():
            hold(scene, self._area is not None)
        for entity in entities:
            self._shown[entity.id] = entity
            named = _named(entity)
            scene = self.scene(picture_of(entity) or "")
            if named is not None and entity.id not in scene.tracks and not state:
                scene.add(entity.id, named)

    def scene(self, picture: str) -> Scene:
        """The live one of the default organisation is the one of the empty name."""
        scene = self.scenes.get(picture)
        if scene is None:
            scene = self.scenes[picture] = Scene(picture or None, self._area)
        return scene

    def _is_due(self, id_: str, named: Named, freshness: Freshness, touched: bool, now: datetime) -> bool:
        shown = self._shown.get(id_)
        if shown is None or shown.freshness != freshness:
            return True
        if not touched:
            return named.profile.pinned and now - shown.updated_at > PINNED_AGAIN
        state = named.state
        if _is_latest(shown, named):
            return _words(shown) != _words(_entity(named, picture_of(shown), freshness, now, self._owner))
        if now - shown.updated_at >= self._heartbeat or shown.location is None:
            return True
        moved = distance_m(shown.location.lat, shown.location.lon, state.lat, state.lon)
        return moved**2 > state.variance_m2 or _words(shown) != _words(
            _entity(named, picture_of(shown), freshness, now, self._owner)
        )


def _silence(heard: float, now: datetime) -> float:
    return max(0.0, now.timestamp() - heard)


def _belief(existence: float, silence_s: float, interval_s: float) -> float:
    return existence * math.exp(-silence_s / max(LIFETIME_S, LIFETIMES * interval_s))


def _freshness(named: Named, now: datetime) -> Freshness | None:
    """None: so long silent that it leaves the picture."""
    profile = named.profile
    silence = _silence(profile.heard, now)
    patience = max(STALE_S, INTERVALS * profile.interval_s)
    if silence <= patience:
        return "live"
    if not profile.pinned and _belief(named.state.existence, silence, profile.interval_s) < LEAST:
        return None
    wide = math.sqrt(named.state.variance_m2) + silence * math.sqrt(max(named.state.cov[10], named.state.cov[15]))
    return "lost" if silence > 3.0 * patience or wide > WIDEST_M else "stale"


def _is_latest(entity: Entity, named: Named) -> bool:
    """Whether nothing was heard of it since that version."""
    return entity.updates == named.profile.updates and entity.observed_at == when(named.state.at)


def _words(entity: Entity) -> tuple[object, ...]:
    """What a person reads that is no number."""
    return entity.label, entity.class_, entity.sources, entity.identities, tuple(entity.classes), entity.disputed


def _entity(named: Named, picture: str | None, freshness: Freshness, now: datetime, owner: str) -> Entity:
    profile, state = named.profile, named.state
    east, north = state.velocity
    cov = state.cov
    return Entity(
        id=profile.id,
        kind="track",
        owner=owner,
        class_=profile.class_of(state.classes),
        label=profile.label,
        observed_at=when(state.at),
        heard_at=when(profile.heard),
        updated_at=now,
        freshness=freshness,
        location=Location(
            lat=state.lat,
            lon=state.lon,
            alt_m=profile.alt_m if state.alt_m is None else state.alt_m,
            cov_m2=((cov[0], cov[1]), (cov[4], cov[5])),
        ),
        kinematics=Kinematics(
            speed_mps=min(math.hypot(east, north), MOST_SPEED_MPS),
            course_deg=math.degrees(math.atan2(east, north)) % 360.0 if east or north else None,
            climb_mps=state.climb_mps,
            velocity_enu_mps=state.velocity,
            state_cov=cov,
        ),
        existence=state.existence,
        classes=state.classes,
        sources=tuple(source for source, given in profile.given.items() if given.updates),
        identities=tuple(profile.identities),
        disputed=state.disputed,
        contributions=profile.contributions(),
        updates=profile.updates,
        recording=recording_in(picture),
        organisation=organisation_in(picture),
        causes=tuple(profile.causes),
    )


def _named(entity: Entity) -> Named | None:
    """The track that was published, as far as that says it."""
    state: State | None = published(entity)
    if state is None:
        return None
    given: Mapping[str, Given] = {
        one.source: Given(
            updates=one.updates,
            observation=one.observation,
            observed=one.observed_at.timestamp(),
            probability=one.probability,
            class_=one.class_ or "",
        )
        for one in reversed(entity.contributions)
    }
    profile = Profile(
        id=entity.id,
        observed=entity.observed_at.timestamp(),
        heard=entity.heard_at.timestamp(),
        updates=entity.updates,
        label=entity.label,
        stated=entity.class_ or "",
        alt_m=state.alt_m,
        identities=list(entity.identities),
        given=dict(given),
        causes=list(entity.causes),
    )
    return Named(profile=profile, state=state)
