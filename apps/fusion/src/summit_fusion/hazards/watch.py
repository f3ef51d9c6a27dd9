"""Everything that the cameras of one network see, live or in one recording, and the fires that explain it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

import msgspec
import numpy as np
from msgspec.structs import replace
from summit_core.geo import distance_m, initial_bearing_deg, wrap_angle
from summit_core.model import Bearing, BearingEvidence, Entity, Hypothesis, Location

from summit_fusion.cameras import Biases, Camera, Smoke
from summit_fusion.cameras.bias import BiasState
from summit_fusion.hazards.fire import ONE_CAMERA, Fire, entity_of, fire_of, new_fire, shown
from summit_fusion.hazards.relief import Relief, ranges_of
from summit_fusion.hazards.settings import HazardSettings
from summit_fusion.locate import Fix, SightLine, locate
from summit_fusion.locate.cameras import Cameras
from summit_fusion.locate.places import distances
from summit_fusion.locate.scene import SeenFire, scene
from summit_fusion.terrain import sharpen

NEIGHBOURS_M = 120_000.0
"""Cameras further apart never see the same fire."""
JOIN = 9.0
"""Squared miss, against all uncertainty, within which a smoke joins a settled fire."""
LEAST_LANDMARK_M = 50.0
SWEEP = timedelta(seconds=2)


class WatchState(msgspec.Struct):
    """All of a watch, as it is kept in a checkpoint."""

    recording: str | None
    cameras: list[Camera]
    fires: list[Fire]
    biases: BiasState
    leaving: list[str]
    touched: list[str]
    latest: datetime | None
    heard: datetime | None
    swept: datetime | None


class Watch:
    """Cameras, smokes, fires and biases. Pure: times come with the bearings, and ``now`` from the caller."""

    def __init__(self, recording: str | None, settings: HazardSettings, relief: Relief | None = None) -> None:
        self.recording = recording
        self.cameras: dict[str, Camera] = {}
        self.fires: dict[str, Fire] = {}
        self.biases = Biases(settings.bias)
        self.leaving: list[str] = []
        self._settings = settings
        self._relief = relief
        self._touched: set[str] = set()
        self._latest: datetime | None = None
        self._heard: datetime | None = None
        self._swept: datetime | None = None

    def observe(self, bearing: Bearing) -> None:
        """Take in one bearing."""
        camera = self.cameras.setdefault(bearing.source, Camera(bearing.source))
        smoke = camera.observe(bearing, self._settings.persistence)
        if smoke is not None:
            self._touched.add(smoke.id)
            self._note(bearing.observed_at, bearing.received_at)

    def calibrate(self, bearing: Bearing, landmark: tuple[float, float]) -> None:
        """The camera has measured the direction to a thing whose place is known. Of what stands beside it nothing can
        be said."""
        if distance_m(bearing.lat, bearing.lon, *landmark) < LEAST_LANDMARK_M:
            return
        true = initial_bearing_deg(bearing.lat, bearing.lon, *landmark)
        seen = bearing.azimuth_deg, true
        self.biases.calibrate(bearing.source, *seen, at=bearing.observed_at, sigma_deg=bearing.sigma_deg)

    def update(self, now: datetime) -> None:
        """Believe, sort, locate and learn from what is new. Nothing new costs nothing."""
        if self._touched or self._swept is None or now - self._swept >= SWEEP:
            self._swept = now
            self._pass_to(self._time(now))
        if not self._touched:
            return
        smokes = self._smokes()
        self._let_go(smokes)
        self._join(smokes)
        self._sort_out(smokes)
        concerned = [fire for fire in self.fires.values() if self._concerns(fire)]
        for fire in sorted(concerned, key=lambda fire: (not fire.settled, fire.key)):
            self._locate(fire, smokes)
        self._watch_single(smokes)
        for fire in concerned:
            if fire.key in self.fires:
                self._learn(fire, smokes)
        self._touched.clear()

    def entities(self, now: datetime) -> list[Entity]:
        """The hazards that changed since they were published."""
        smokes = self._smokes()
        return [entity_of(fire, smokes, now) for fire in self.fires.values() if fire.due and fire.bearings]

    def expire(self, now: datetime) -> list[str]:
        """Fires that nobody has reported for long, and those that turned out to be none: the published ones."""
        gone, self.leaving = self.leaving, []
        for fire in list(self.fires.values()):
            if fire.heard_at is not None and now - fire.heard_at > self._settings.expires:
                gone += self._withdraw(fire)
        return gone

    def restore(self, entity: Entity) -> None:
        """Go on from a hazard as it was published."""
        fire, smokes = fire_of(entity, self.biases)
        self.fires[fire.key] = fire
        for smoke in smokes:
            camera = self.cameras.setdefault(smoke.source, Camera(smoke.source))
            camera.smokes.append(smoke)
            smoke.heard_at = entity.heard_at
            self._note(smoke.latest.at, entity.heard_at)

    def save(self) -> WatchState:
        """All of it, for a checkpoint."""
        return WatchState(
            self.recording,
            list(self.cameras.values()),
            list(self.fires.values()),
            self.biases.save(),
            self.leaving,
            sorted(self._touched),
            self._latest,
            self._heard,
            self._swept,
        )

    def resume(self, state: WatchState) -> None:
        """Go on from a checkpoint."""
        self.cameras = {camera.source: camera for camera in state.cameras}
        self.fires = {fire.key: fire for fire in state.fires}
        self.biases.restore(state.biases)
        self.leaving, self._touched = state.leaving, set(state.touched)
        self._latest, self._heard, self._swept = state.latest, state.heard, state.swept

    def idle(self) -> bool:
        """Whether there is nothing left to remember."""
        return not self.fires and not any(camera.smokes for camera in self.cameras.values())

    def _note(self, at: datetime, heard_at: datetime | None) -> None:
        self._latest = max(filter(None, (self._latest, at)))
        self._heard = max(filter(None, (self._heard, heard_at)), default=None)

    def _time(self, now: datetime) -> datetime:
        """By the clocks of the cameras: that of the last bearing, and as long as they are silent it goes on by ours."""
        latest = self._latest or now
        return latest + max(now - (self._heard or now), timedelta(0))

    def _pass_to(self, at: datetime) -> None:
        for camera in self.cameras.values():
            self._touched.update(smoke.id for smoke in camera.pass_to(at, self._settings.persistence))

    def _smokes(self) -> dict[str, Smoke]:
        return {smoke.id: smoke for camera in self.cameras.values() for smoke in camera.smokes}

    def _current(self, smokes: Iterable[Smoke], latest: datetime | None = None) -> list[Smoke]:
        """Those whose bearing still takes part in a fix."""
        found = list(smokes)
        newest = latest or self._latest
        return [s for s in found if newest is not None and newest - s.latest.at <= self._settings.window]

    def _line(self, smoke: Smoke) -> SightLine:
        """The direction without the bias of the camera; its noise averages down, what is unknown of the bias stays."""
        mean, bias = smoke.mean(), self.biases.of(smoke.source)
        azimuth = (mean.azimuth_deg - bias.deg) % 360.0
        sigma = float(np.hypot(mean.sigma_deg, bias.sigma_deg))
        return SightLine(smoke.source, mean.lat, mean.lon, azimuth, sigma, key=smoke.id)

    def _concerns(self, fire: Fire) -> bool:
        return any(id_ in self._touched for id_ in chain(fire.members.values(), fire.left_out.values()))

    def _taken(self, *, settled: bool) -> set[str]:
        """Smokes that belong to a fire: to a settled one, or to any."""
        return {id_ for fire in self.fires.values() if fire.settled or not settled for id_ in fire.members.values()}

    def _let_go(self, smokes: dict[str, Smoke]) -> None:
        """Of smokes that have ended; and of a fire that was two single frames and never anything more."""
        for fire in list(self.fires.values()):
            left = {source: id_ for source, id_ in fire.members.items() if id_ in smokes}
            fire.due |= len(left) < len(fire.members)
            fire.members = left
            if not left and not fire.believed:
                self.leaving += self._withdraw(fire)

    def _join(self, smokes: dict[str, Smoke]) -> None:
        """New smokes to the settled fires that they point to: the closest pairs first, one smoke of a camera to a
        fire."""
        taken = self._taken(settled=False)
        free = [s for s in self._current(smokes.values()) if s.id in self._touched and s.id not in taken]
        fires = [(f, f.location) for f in self.fires.values() if f.settled and f.location and f.location.cov_m2]
        if not free or not fires:
            return
        lines = [self._line(smoke) for smoke in free]
        cameras = Cameras.of(lines)
        points = np.array([cameras.frame.to_enu(where.lat, where.lon) for _, where in fires])
        miss = distances(cameras, points, np.array([where.cov_m2 for _, where in fires]))
        east, north, residual = cameras.sight(points)
        miss[(np.hypot(east, north) > self._settings.reach_m) | (np.abs(residual) > np.pi / 2)] = np.inf
        current = {smoke.id for smoke in self._current(smokes.values())}
        for flat in np.argsort(miss, axis=None):
            row, column = divmod(int(flat), len(free))
            if miss[row, column] >= JOIN:
                break
            fire, smoke = fires[row][0], free[column]
            if smoke.id not in taken and fire.members.get(smoke.source) not in current:
                fire.members[smoke.source] = smoke.id
                taken.add(smoke.id)

    def _sort_out(self, smokes: dict[str, Smoke]) -> None:
        """What belongs to no settled fire, sorted anew: which smokes are of one fire, and which fires those are."""
        pool = self._pool(smokes)
        ids = {smoke.id for smoke in pool}
        open_ = [f for f in self.fires.values() if not f.settled and ids.intersection(f.members.values())]
        known = [(fire.location.lat, fire.location.lon) for fire in open_ if fire.location]
        found = scene([self._line(smoke) for smoke in pool], known=known, settings=self._settings.scene)
        groups = [{pool[line].source: pool[line].id for line in seen.lines} for seen in found.fires]
        named = _same_fires(groups, open_)
        for index, (seen, members) in enumerate(zip(found.fires, groups, strict=True)):
            shown_by = [smokes[id_] for id_ in members.values()]
            if index in named or self._agree(shown_by):
                fire = named.get(index) or new_fire(self.recording, shown_by)
                self.fires[fire.key] = fire
                self._sorted(fire, seen, members)
        kept = {fire.key for fire in named.values()}
        taken = {id_ for members in groups for id_ in members.values()}
        for fire in open_:
            seen_now = ids.intersection(fire.members.values())
            if fire.key not in kept and (len(seen_now) > 1 or seen_now <= taken):
                self.leaving += self._withdraw(fire)

    def _agree(self, smokes: list[Smoke]) -> bool:
        """Whether these make a new fire: three cameras, or smoke that was seen again, or two within seconds."""
        times = [smoke.latest.at for smoke in smokes]
        again = any(smoke.persistence.state != "candidate" for smoke in smokes)
        return again or len(smokes) > 2 or max(times) - min(times) <= self._settings.agree

    def _pool(self, smokes: dict[str, Smoke]) -> list[Smoke]:
        """Smokes to sort, the surest first: near what is new, and in no settled fire."""
        taken = self._taken(settled=True)
        new = [smokes[id_].latest for id_ in self._touched if id_ in smokes and id_ not in taken]
        pool = [
            smoke
            for smoke in self._current(smokes.values())
            if smoke.id not in taken
            and smoke.persistence.state != "fading"
            and any(distance_m(s.lat, s.lon, smoke.latest.lat, smoke.latest.lon) < NEIGHBOURS_M for s in new)
        ]
        return sorted(pool, key=lambda s: (s.persistence.state != "confirmed", -s.latest.at.timestamp(), s.id))

    def _sorted(self, fire: Fire, seen: SeenFire, members: dict[str, str]) -> None:
        fire.members = members
        fire.certainty = seen.place.weight
        doubtful = seen.place.weight < self._settings.certain
        fire.alternatives = tuple(
            Hypothesis(lat=o.lat, lon=o.lon, cov_m2=o.cov_m2, weight=min(1.0, o.weight))
            for o in (seen.others if doubtful else ())
        )
        fire.location = Location(lat=seen.place.lat, lon=seen.place.lon, cov_m2=seen.place.cov_m2)
        self._touched.update(members.values())

    def _locate(self, fire: Fire, smokes: dict[str, Smoke]) -> None:
        """Its smokes, and those that should be of it, to a position."""
        own = [smokes[id_] for _, id_ in sorted(fire.members.items()) if id_ in smokes]
        own = self._current(own, max((smoke.latest.at for smoke in own), default=None))
        fire.take_in(own)
        fire.due = True
        if len(own) < 2:
            if fire.location is None:
                fire.bearings = [self._alone(smoke) for smoke in own]
            return
        taking_part = sorted((*own, *self._should_be(fire, own, smokes)), key=lambda smoke: smoke.source)
        fix = locate([self._line(smoke) for smoke in taking_part])
        if not fix.hypotheses:
            taking_part = own
            fix = locate([self._line(smoke) for smoke in taking_part])
        if not fix.hypotheses:
            return
        fix = self._over_ground(fix, taking_part)
        fire.place(fix, [self._shown(smoke) for smoke in taking_part])
        used = zip(taking_part, fix.hypotheses[0].used, strict=True)
        fire.members, fire.left_out = {}, {}
        for smoke, belongs in used:
            (fire.members if belongs else fire.left_out)[smoke.source] = smoke.id
        fire.take_in(taking_part)
        again = any(smokes[id_].persistence.state != "candidate" for id_ in fire.members.values())
        fire.believed |= again or len(fire.members) > 2

    def _shown(self, smoke: Smoke) -> BearingEvidence:
        return shown(smoke, self._line(smoke), self.biases.of(smoke.source))

    def _alone(self, smoke: Smoke) -> BearingEvidence:
        """What one camera sees that no other does: a direction, and over known ground where along it."""
        found = self._relief.band(self._line(smoke), smoke.latest) if self._relief else None
        if found is None:
            return self._shown(smoke)
        return replace(self._shown(smoke), ranges=ranges_of(found), terrain=found.reason)

    def _over_ground(self, fix: Fix, smokes: list[Smoke]) -> Fix:
        """The fix, weighed by what the ground says of those lines that it rests on."""
        if self._relief is None:
            return fix
        used = [smoke for smoke, belongs in zip(smokes, fix.hypotheses[0].used, strict=True) if belongs]
        bands = [self._relief.band(self._line(smoke), smoke.latest) for smoke in used]
        return sharpen(fix, [one for one in bands if one is not None])

    def _should_be(self, fire: Fire, own: list[Smoke], smokes: dict[str, Smoke]) -> list[Smoke]:
        """Of cameras that could see the fire and report something beside it, and no fire: what they report."""
        cameras = {smoke.source for smoke in own}
        taken = {id_ for other in self.fires.values() if len(other.members) > 1 for id_ in other.members.values()}
        newest = max(smoke.latest.at for smoke in own)
        beside: dict[str, tuple[float, Smoke]] = {}
        for smoke in self._current(smokes.values(), newest):
            off = self._beside(fire, smoke)
            if smoke.source in cameras or smoke.id in taken or off > self._settings.half_view_deg:
                continue
            others = (self._beside(f, smoke) for f in self.fires.values() if f.key != fire.key and len(f.members) > 1)
            if off <= min(others, default=off) and off < beside.get(smoke.source, (360.0, smoke))[0]:
                beside[smoke.source] = (off, smoke)
        return [smoke for _, smoke in beside.values()]

    def _beside(self, fire: Fire, smoke: Smoke) -> float:
        """Degrees between the smoke and the fire as the camera would see it; 360 where it is out of reach."""
        camera, where = smoke.latest, fire.location
        if where is None or distance_m(camera.lat, camera.lon, where.lat, where.lon) > self._settings.reach_m:
            return 360.0
        return abs(wrap_angle(camera.azimuth_deg - initial_bearing_deg(camera.lat, camera.lon, where.lat, where.lon)))

    def _watch_single(self, smokes: dict[str, Smoke]) -> None:
        """A smoke that stays is a hazard though one camera alone sees it: without a place, or it is in a fire."""
        left_out = {id_ for fire in self.fires.values() if fire.location for id_ in fire.left_out.values()}
        for fire in list(self.fires.values()):
            if fire.location is None and left_out.intersection(fire.members.values()):
                self.leaving += self._withdraw(fire)
        taken = self._taken(settled=False) | left_out
        for id_ in sorted(self._touched):
            smoke = smokes.get(id_)
            if smoke is not None and smoke.persistence.state == "confirmed" and id_ not in taken:
                fire = new_fire(self.recording, [smoke])
                fire.ambiguity, fire.bearings = ONE_CAMERA, [self._alone(smoke)]
                fire.take_in([smoke])
                fire.believed = True
                self.fires[fire.key] = fire

    def _learn(self, fire: Fire, smokes: dict[str, Smoke]) -> None:
        """What a confirmed fire says of its cameras' mounts; and whether one of them was knocked."""
        where, latest = fire.location, fire.observed_at
        if not fire.settled or where is None or latest is None:
            return
        if fire.learnt_at is not None and latest - fire.learnt_at < self._settings.learn_every:
            return
        members = [smokes[id_] for id_ in fire.members.values()]
        if any(smoke.persistence.state != "confirmed" for smoke in members):
            return
        beside = [smokes[id_] for id_ in fire.left_out.values() if id_ in smokes]
        witnesses = [s for s in (*members, *beside) if fire.learnt_at is None or s.latest.at > fire.learnt_at]
        witnesses = [smoke for smoke in self._current(witnesses, latest) if smoke.persistence.state == "confirmed"]
        if len(witnesses) < 3:
            return
        lines = [smoke.mean(after=fire.learnt_at) for smoke in witnesses]
        fire.learnt_at, fire.lessons = latest, fire.lessons + 1
        self.biases.observe(fire.key, lines, where.lat, where.lon, at=latest, lesson=fire.lessons)

    def _withdraw(self, fire: Fire) -> list[str]:
        """It is no fire of its own any more; its id, when it was published."""
        del self.fires[fire.key]
        return [fire.key] if fire.published is not None else []


def _same_fires(groups: list[dict[str, str]], before: list[Fire]) -> dict[int, Fire]:
    """Which group goes on as which fire: the most smokes in common first, then the published and the older one."""
    pairs = [
        (-len(set(members.values()).intersection(fire.members.values())), fire.published is None, fire.key, index)
        for index, members in enumerate(groups)
        for fire in before
    ]
    by_key = {fire.key: fire for fire in before}
    named: dict[int, Fire] = {}
    for common, _, key, index in sorted(pairs):
        if common < 0 and index not in named and key in by_key:
            named[index] = by_key.pop(key)
    return named
