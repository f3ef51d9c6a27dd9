"""A scene: the tracks of the live picture, or of one recording, with all that is known of them. Pure: times come with
the observations, so the same observations give the same tracks.

A track has two names. The shard gives it one of its own; the world sees one that is made from the identity of the thing
where it has one, so that a thing comes back under its old name however long it was away.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from summit_core.model import Detection, Position

from summit_fusion.jipda import TrackerSettings
from summit_fusion.jipda.identity import hashed
from summit_fusion.metrics import LATE, MERGES, REFUSED, REPLAYED, SCAN_SECONDS
from summit_fusion.named import Area, Named, Offer, SceneState, Told, merged_into
from summit_fusion.picture import recording_in
from summit_fusion.profile import OWN, Profile, public_id
from summit_fusion.scans import Report, Scans
from summit_fusion.shards import GeoEstimate, Shard
from summit_fusion.shards.ids import ulid
from summit_fusion.state import estimated, stated

SETTINGS: Final = TrackerSettings(birth_existence=0.3)
"""Few of the reports that come to a service are false: a track begins with better prospects than among radar plots."""
KEPT_S: Final = 20.0
"""How long reports are kept to say whose they were; far beyond the window of late data."""
SILENT_S, SILENT_INTERVALS = 600.0, 12.0
"""A thing that reported itself and has no track is forgotten after this silence, and not before so many of its
intervals."""
SMALL: Final = 200
LOOK_S: Final = 100e-6
"""A scene of more than ``SMALL`` tracks is looked at only so often for each of them."""
BELIEVED: Final = 0.5
AGAIN: Final = 20.0
"""Squared Mahalanobis distance up to which a new track may be one that was known before a restart."""


class Scene:
    """``tracks``: by public id. ``touched``: those with news, ``gone``: those that ended, ``handed``: those that
    another shard shows, since somebody took note. ``recording`` is the name of a picture. ``area``: None is the whole
    world."""

    def __init__(self, recording: str | None, area: Area | None = None) -> None:
        self.recording = recording
        self.scans = Scans(live=recording_in(recording) is None)
        name = f"{area.shard if area else 'scene'} {recording or 'live'}"
        self.shard = Shard(name, area.cells if area else None, SETTINGS, ownership=area.ownership if area else None)
        self.reports: dict[int, Report] = {}
        self.tracks: dict[str, Named] = {}
        self.names: dict[str, str] = {}
        self.merged: dict[str, str] = {}
        """Public ids that operators have declared to be another one, and which."""
        self.absorbed: dict[str, Named] = {}
        """What the merged ones were."""
        self.nameless: set[str] = set()
        """Identities that tell the tracker nothing: operators said that they are of a thing with another one."""
        self.touched: set[str] = set()
        self.gone: set[str] = set()
        self.handed: set[str] = set()
        self.arriving: dict[str, Offer] = {}
        """Offers of neighbours, by the id of the track in the shard."""
        self.elsewhere: dict[str, Told] = {}
        """What each neighbour shows near our cells."""
        self.orphans: set[str] = set()
        """Things without identity that are known and have no track."""
        self.pinned: set[str] = set()
        self.unshown: dict[str, list[tuple[int, float]]] = {}
        """Claims of tracks of the shard that are not shown yet."""
        self.looked = 0.0
        self.behind = False
        """Whether something was taken in since the last look."""
        self._places = np.empty(0), np.empty(0)
        self._claimed: NDArray[np.int64] = np.empty(0, np.int64)

    def observe(self, observations: Iterable[Position | Detection]) -> None:
        """Take in what one message brought. What is of this moment waits for its neighbours (see ``flush``)."""
        for scan, reports in self.scans.form(observations, self._places, self.nameless):
            started, replayed = perf_counter(), self.shard.repeated
            self.reports.update((report.key, report) for report in reports)
            taken = self.shard.take(scan)
            SCAN_SECONDS.observe(perf_counter() - started)
            REPLAYED.inc(self.shard.repeated - replayed)
            LATE.inc(taken.late)
            if taken.elsewhere:
                REFUSED.labels(reason="out_of_reach").inc(taken.elsewhere)
            for report in reports:
                if report.identity:
                    self._introduce(report)
        self.behind = True
        if self.scans.time - self.looked >= LOOK_S * (len(self.tracks) - SMALL):
            self.look()

    def flush(self) -> None:
        """Nothing else is to be expected of this moment: wait no more."""
        if any(region.tracker.waiting for region in self.shard.regions.values()):
            LATE.inc(self.shard.settle())
            self.look()

    def look(self) -> None:
        """See what became of the reports."""
        if not self.scans.begun:
            return
        self.looked, self.behind = self.scans.time, False
        estimate = self.shard.estimates(self.scans.time)
        rows = {track: row for row, track in enumerate(estimate.id)}
        for track, claims in self._claims().items():
            self.unshown.setdefault(track, []).extend(claims)
        for track in sorted(self.unshown.keys() & rows.keys()):  # the order of a set is another one in each process
            self._update(track, self.unshown.pop(track), estimate, rows[track])
        self._end(rows.keys())
        self._places = estimate.lat, estimate.lon
        oldest = self.scans.time - KEPT_S
        self.reports = {key: report for key, report in self.reports.items() if report.at >= oldest}
        self.unshown = {track: kept for track, claims in self.unshown.items() if (kept := self._kept(claims))}

    def merge(self, gone: str, into: str) -> bool:
        """An operator's word: ``gone`` is ``into``. From now on what either reports is of ``into``."""
        lost, kept = self.tracks.get(gone), self.tracks.get(into)
        if lost is None or kept is None or gone == into:
            return False
        self.merged[gone], self.absorbed[gone] = into, lost
        taken = {_scheme(identity) for identity in kept.profile.identities}
        self.nameless |= {identity for identity in lost.profile.identities if _scheme(identity) in taken}
        self._forget(gone)
        self._join(into, lost.track)
        kept.profile.merge(lost.profile)
        self.touched.add(into)
        MERGES.labels(by="operator").inc()
        return True

    def split(self, gone: str) -> bool:
        """The merge is taken back: both live. What the one that was gone reported last makes it anew."""
        lost, into = self.absorbed.pop(gone, None), self.merged.pop(gone, None)
        if lost is None or into is None:
            return False
        self.nameless -= set(lost.profile.identities)
        kept = self.tracks.get(into)
        fresh = Named(profile=lost.profile, state=lost.state if kept is None else kept.state)
        keys = [key for key, report in self.reports.items() if lost.profile.may_have_sent(report)]
        if kept is not None and kept.track and keys:
            fresh.track = self.shard.split(kept.track, np.array(keys, np.int64)) or ""
        said = sorted((self.reports[key].at, key) for key in keys if self.reports[key].identity)
        fresh.profile.absorb([(key, 1.0) for _, key in said], self.reports)
        if said and not fresh.track:
            fresh.state = stated(self.reports[said[-1][1]])
        self.add(gone, fresh)
        if kept is not None:
            kept.profile.part(lost.profile)
            if kept.track and self.shard.find(kept.track) is None:  # all that was known of it lately was of the other
                self.names.pop(kept.track, None)
                kept.track = ""
        self.touched |= {gone, into} & self.tracks.keys()
        self.behind = True
        return True

    def pin(self, id_: str, pinned: bool) -> None:
        """An operator's word: this exists, detected or not."""
        (self.pinned.add if pinned else self.pinned.discard)(id_)
        named = self.tracks.get(id_)
        if named is not None and named.profile.pinned != pinned:
            named.profile.pinned = pinned
            if named.track:
                self.shard.pin(named.track, pinned)

    def survivor(self, id_: str) -> str:
        """What operators have declared it to be, at last."""
        while id_ in self.merged:
            id_ = self.merged[id_]
        return id_

    def add(self, id_: str, named: Named) -> None:
        """A thing that is known from elsewhere."""
        self.tracks[id_] = named
        if named.profile.pinned:
            self.pinned.add(id_)
        if named.track:
            self.names[named.track] = id_
        elif not named.profile.identities:
            self.orphans.add(id_)

    def let_go(self, id_: str) -> None:
        """Another shard shows it from now on."""
        there = {id_, *merged_into(id_, self.merged)}
        self._forget(id_)
        self.merged = {gone: into for gone, into in self.merged.items() if gone not in there}
        self.absorbed = {gone: named for gone, named in self.absorbed.items() if gone not in there}
        self.handed |= there

    def state(self) -> SceneState:
        return SceneState(
            recording=self.recording,
            scans=self.scans.state(),
            shard=self.shard.state(),
            reports=list(self.reports.values()),
            tracks=self.tracks,
            merged=self.merged,
            absorbed=self.absorbed,
            nameless=sorted(self.nameless),
            unshown=self.unshown,
            claimed=self._claimed.tobytes(),
            looked=self.looked,
            arriving=self.arriving,
            elsewhere=self.elsewhere,
        )

    @classmethod
    def restore(cls, state: SceneState, area: Area | None = None) -> "Scene":
        """Raises ValueError for what is damaged, or of another area."""
        scene = cls(state.recording, area)
        scene.scans.restore(state.scans)
        shard = Shard.restore(state.shard, area.ownership if area else None)
        if (shard.name, shard.cells) != (scene.shard.name, scene.shard.cells):
            raise ValueError(f"of the shard {shard.name}, or of other cells")
        scene.shard, scene.arriving, scene.elsewhere = shard, state.arriving, state.elsewhere
        scene.reports = {report.key: report for report in state.reports}
        scene.merged, scene.absorbed = state.merged, state.absorbed
        for id_, named in state.tracks.items():
            scene.add(id_, named)
        scene.nameless, scene.unshown, scene.looked = set(state.nameless), state.unshown, state.looked
        scene._claimed = np.frombuffer(state.claimed, np.int64)
        scene.touched = set(state.tracks)
        if scene.scans.begun:
            estimate = scene.shard.estimates(scene.looked)
            scene._places = estimate.lat, estimate.lon
        return scene

    def _introduce(self, report: Report) -> None:
        """What says who it is, is in the picture at its first word. A report that is too late adds only its words; one
        of something that operators have merged counts, whatever the tracker makes of it."""
        id_ = self._name_of(report)
        named = self.tracks.get(id_)
        if not (named and named.track) and self._is_foreign(id_, report):
            return
        if named is None:
            named = self.tracks[id_] = Named(profile=Profile(id=id_), state=stated(report))
        if named.track and report.identity not in self.nameless:
            if self.scans.time - report.at > self.shard.horizon_s:
                named.profile.hear(report)
            return
        named.profile.absorb([(report.key, 1.0)], self.reports)
        if report.at >= named.state.at and not named.track:
            named.state = stated(report)
        self.touched.add(id_)

    def _is_foreign(self, id_: str, report: Report) -> bool:
        """Whether another shard shows a thing, or is the one to show it."""
        ground = self.shard.ground
        if ground.cells is None:
            return False
        place = int(ground.kinds_of(np.array([report.lat]), np.array([report.lon]))[0])
        return not ground.is_ours(ground.kinds[place][0]) or any(id_ in told.names for told in self.elsewhere.values())

    def _claims(self) -> dict[str, list[tuple[int, float]]]:
        """By track of the shard: detections that have become its own since the last look, and how surely. Those of a
        neighbour's tracks as well: one that goes over to us may have been heard by us alone meanwhile."""
        parts, shares = [np.empty((2, 0), np.int64)], [np.empty(0)]
        theirs = {track for told in self.elsewhere.values() for track in told.tracks or ()}
        for region in self.shard.regions.values():
            foreign = np.array(list(region.foreign.keys() - theirs), np.int64)
            for moment in region.tracker.ring:
                if moment.scan.key is not None:
                    own = np.flatnonzero((moment.share > OWN) & ~np.isin(moment.track, foreign))
                    key = moment.scan.key[moment.seen[own]]
                    parts.append(np.stack([moment.track[own], np.maximum(key, ~key)]))
                    shares.append(moment.share[own])
        (track, key), share = np.concatenate(parts, 1), np.concatenate(shares)
        before, self._claimed = self._claimed, track ^ key
        new = np.flatnonzero(~np.isin(self._claimed, before))
        names = {number: ulid(number) for number in np.unique(track[new]).tolist()}
        found: dict[str, list[tuple[int, float]]] = {}
        for row in new.tolist():
            found.setdefault(names[int(track[row])], []).append((int(key[row]), float(share[row])))
        return {name: kept for name, claims in found.items() if (kept := self._kept(claims))}

    def _kept(self, claims: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Those of which the report is still here."""
        return [claim for claim in claims if claim[0] in self.reports]

    def _update(self, track: str, claims: list[tuple[int, float]], estimate: GeoEstimate, row: int) -> None:
        latest = max((self.reports[key] for key, _ in claims), key=lambda report: (report.at, report.key))
        id_ = self.names.get(track) or self._baptise(track, claims, latest)
        named = self.tracks[id_]
        if named.profile.absorb(claims, self.reports) or not named.state.tracked:
            named.state = estimated(estimate, row, latest)
            if "identity" in estimate.more:
                believed = estimate.more["identity"][row][estimate.more["belief"][row] > BELIEVED].tolist()
                named.profile.believe(
                    {one for one in named.profile.identities if hashed(one) in believed}, self.nameless
                )
            self.touched.add(id_)

    def _baptise(self, track: str, claims: list[tuple[int, float]], latest: Report) -> str:
        """The public id of a track that is shown for the first time."""
        told = [report for key, _ in claims if (report := self.reports[key]).identity]
        id_ = self._name_of(told[-1]) if told else self._known_before(latest) or public_id(self.recording, track)
        known = self.tracks.get(id_)
        if known is not None and known.track:
            if id_ in self.merged.values():
                self._join(id_, track)
                return id_
            if self._heard_since(known.track, track):  # two things say that they are the same one
                id_, known = public_id(self.recording, track), None
            else:  # it was lost, and is somewhere else now
                self.names.pop(known.track, None)
        if known is None:
            known = self.tracks[id_] = Named(profile=Profile(id=id_), state=stated(latest))
        known.track, self.names[track] = track, id_
        if known.profile.pinned:
            self.shard.pin(track)
        return id_

    def _known_before(self, report: Report) -> str:
        """A thing without identity that is known and without a track, where this report could be of it."""
        self.orphans = {id_ for id_ in self.orphans & self.tracks.keys() if not self.tracks[id_].track}
        near = ((self.tracks[id_].state.distance(report), id_) for id_ in self.orphans)
        distance, id_ = min(near, default=(AGAIN, ""))
        return id_ if distance < AGAIN else ""

    def _heard_since(self, other: str, track: str) -> bool:
        """Whether a track was detected after another one began."""
        one, two = self.shard.find(other), self.shard.find(track)
        if one is None or two is None:
            return False
        return bool(one[0].tracks.seen_at[one[1]] > two[0].tracks.born[two[1]])

    def _join(self, id_: str, track: str) -> None:
        """Make a track of the shard part of a named one."""
        kept = self.tracks[id_]
        if not track or track == kept.track:
            return
        if not kept.track:
            kept.track, self.names[track] = track, id_
        elif not self.shard.merge(kept.track, track):
            self.names[track] = id_

    def _end(self, shown: Iterable[str]) -> None:
        """Let go of the tracks that the shard has ended, follow those that it has merged."""
        there = set(shown)
        missing = [(id_, named) for id_, named in self.tracks.items() if named.track not in there]
        for id_, named in missing:
            found = self.shard.find(named.track) if named.track else None
            if found is not None:
                self._follow(id_, ulid(int(found[0].tracks.id[found[1]])))
            elif named.track and (named.profile.identities or named.profile.pinned):
                self.names.pop(named.track, None)  # it may say who it is again
                named.track = ""
            elif named.track or self._is_silent(named):
                self._forget(id_)
                self.gone.add(id_)
                self.merged = {one: into for one, into in self.merged.items() if into != id_}

    def _is_silent(self, named: Named) -> bool:
        patience = max(SILENT_S, SILENT_INTERVALS * named.profile.interval_s)
        return self.scans.time - named.state.at > patience and not named.profile.pinned

    def _follow(self, id_: str, survivor: str) -> None:
        """The shard may have merged a track into another one."""
        named, into = self.tracks[id_], self.names.get(survivor)
        if survivor == named.track or into == id_:
            return
        self._forget(id_)
        if into is None:
            named.track = survivor
            self.tracks[id_], self.names[survivor] = named, id_
            return
        self.tracks[into].profile.merge(named.profile)
        self.gone.add(id_)
        self.touched.add(into)
        MERGES.labels(by="tracker").inc()

    def _name_of(self, report: Report) -> str:
        return self.survivor(public_id(self.recording, report.identity))

    def _forget(self, id_: str) -> None:
        del self.tracks[id_]
        self.names = {track: name for track, name in self.names.items() if name != id_}
        self.touched.discard(id_)


def _scheme(identity: str) -> str:
    return identity.partition(":")[0]
