"""Positions to tracks: gate, associate, update, initiate, coast, delete. One observation at a time, no randomness.

Association is nearest neighbour by likelihood among the tracks in whose gate an observation falls; an observation with
a cooperative identity goes to the track that holds it. Life and death follow an existence probability: a hit
multiplies its odds by the likelihood ratio of target to clutter (Musicki and Evans 2004), silence lets it decay.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from summit_core.geo import LocalFrame
from summit_core.model import Position

from summit_fusion.track.filter import Innovation, update
from summit_fusion.track.grid import Grid
from summit_fusion.track.measurement import Measurement, observation_id, track_id
from summit_fusion.track.motion import scheme
from summit_fusion.track.state import Change, Freshness, Phase, Track, TrackUpdate, major_sigma_m


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Defaults suit mixed traffic from people on foot to aircraft."""

    gate: float = 13.816
    """Chi-square, 2 degrees of freedom, 99.9 %: one true observation of a thousand is lost, and manoeuvres, which the
    model does not know, still fall inside. With identity-less traffic hundreds of metres apart a wider gate costs
    little."""
    identity_gate: float = 400.0
    """A known identity this far out (20 sigma) has jumped: its state is begun anew under the same id."""
    default_sigma_m: float = 25.0
    """Of an observation that states neither ``sigma_m`` nor ``cov_m2``: a consumer receiver under trees, or ADS-B."""
    birth_existence: float = 0.3
    identity_existence: float = 0.9
    confirm_existence: float = 0.9
    delete_existence: float = 0.1
    clutter_per_m2: float = 1e-8
    """False plots: one on a hundred square kilometres."""
    max_likelihood_ratio: float = 30.0
    lifetime_s: float = 60.0
    """Time constant with which existence decays in silence, at least five intervals of the track."""
    stale_after_s: float = 10.0
    """Silence from which a track coasts, at least three of its intervals; from three times that it is lost."""
    max_sigma_m: float = 5_000.0
    """A prediction wider than this is no longer a place: the track is lost."""
    horizon_s: float = 10.0
    """How far ahead the grid expects tracks to move; ``sweep`` at least this often."""
    max_causes: int = 16
    max_sources: int = 32


class Tracker:
    """All tracks of one picture. Replayed recordings live beside the live picture and never mix with it."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self.tracks: dict[str, Track] = {}
        self.counts: Counter[str] = Counter()
        """``used``, ``initiated``, ``duplicate``, ``late`` (older than its track: counted, not used), ``jump``."""
        self._grid = Grid()
        self._holders: dict[tuple[str | None, str], str] = {}
        self._used: dict[str, str] = {}

    def restore(self, tracks: Iterable[Track]) -> None:
        """Go on from published tracks: every later answer is what it would have been without the interruption."""
        for track in tracks:
            self._keep(track)

    def observe(self, position: Position) -> TrackUpdate | None:
        """The track that the observation changed, or None when it was a duplicate or too late to change one."""
        if observation_id(position) in self._used:
            self.counts["duplicate"] += 1
            return None
        measured = Measurement.of(position, self.settings.default_sigma_m)
        track = self._holder(position)
        if track is None:
            track = self._nearest(measured)
        if track is None:
            return self._initiate(measured)
        if position.observed_at < track.at:
            self.counts["late"] += 1
            return None
        return self._update(track, measured)

    def sweep(self, now: datetime) -> list[TrackUpdate]:
        """What silence has changed by ``now`` (our clock): tracks that coast, are lost, or are deleted."""
        changes = []
        for track in list(self.tracks.values()):
            silence = (now - track.heard_at).total_seconds()
            if silence <= 0.0:
                continue
            if self.existence(track, silence) < self.settings.delete_existence:
                self._forget(track)
                changes.append(TrackUpdate(replace(track, freshness="lost", existence=0.0), "deleted"))
                continue
            freshness = self._freshness(track, silence)
            if freshness != track.freshness:
                track = replace(track, freshness=freshness)
                self.tracks[track.id] = track
                changes.append(TrackUpdate(track, "lost" if freshness == "lost" else "stale"))
            if silence > self.settings.horizon_s / 2:
                self._file(track, silence)
        return changes

    def existence(self, track: Track, silence_s: float) -> float:
        """Existence probability after ``silence_s`` seconds without an observation."""
        return track.existence * math.exp(-silence_s / max(self.settings.lifetime_s, 5.0 * track.interval_s))

    def _freshness(self, track: Track, silence_s: float) -> Freshness:
        patience = max(self.settings.stale_after_s, 3.0 * track.interval_s)
        if silence_s <= patience:
            return "live"
        _, _, cov = track.predicted(track.at + timedelta(seconds=silence_s))
        wide = major_sigma_m(cov) > self.settings.max_sigma_m
        return "lost" if wide or silence_s > 3.0 * patience else "stale"

    def _holder(self, position: Position) -> Track | None:
        """The track that holds the observation's identity."""
        if position.identity is None:
            return None
        return self.tracks.get(self._holders.get((position.recording, position.identity), ""))

    def _nearest(self, measured: Measurement) -> Track | None:
        """The compatible track that makes the observation most likely, of those in whose gate it falls."""
        best, best_likelihood = None, -math.inf
        for key in self._grid.near(measured.position.lat, measured.position.lon):
            track = self.tracks[key]
            if not _compatible(track, measured.position):
                continue
            _, _, cov, innovation = measured.against(track)
            if major_sigma_m(cov) > self.settings.max_sigma_m:
                continue
            if innovation.distance <= self.settings.gate and innovation.log_likelihood > best_likelihood:
                best, best_likelihood = track, innovation.log_likelihood
        return best

    def _update(self, track: Track, measured: Measurement) -> TrackUpdate:
        position, settings = measured.position, self.settings
        frame, state, cov, innovation = measured.against(track)
        if innovation.distance > settings.identity_gate:
            self.counts["jump"] += 1
            state, cov = measured.birth()
            lat, lon = position.lat, position.lon
        else:
            state, cov = update(state, cov, innovation, measured.noise)
            lat, lon = frame.to_geodetic(float(state[0]), float(state[1]))
        existence = self._existence_after_hit(track, measured, innovation)
        held = track.phase == "confirmed" or existence >= settings.confirm_existence or position.identity is not None
        phase: Phase = "confirmed" if held else "tentative"
        dt = (position.observed_at - track.at).total_seconds()
        updated = replace(
            _enriched(track, position, settings),
            lat=lat,
            lon=lon,
            velocity_enu_mps=(float(state[2]), float(state[3])),
            cov=tuple(cov.ravel().tolist()),
            existence=existence,
            phase=phase,
            observations=(*track.observations, measured.id)[-settings.max_causes :],
            interval_s=dt if track.updates == 1 else 0.8 * track.interval_s + 0.2 * dt,
        )
        self._keep(updated, before=track)
        self.counts["used"] += 1
        change: Change = "confirmed" if phase != track.phase else "updated"
        return TrackUpdate(updated, change, innovation.distance)

    def _existence_after_hit(self, track: Track, measured: Measurement, innovation: Innovation) -> float:
        """Odds times likelihood ratio (target against clutter), after the decay since the last hit."""
        silence = max(0.0, (measured.position.observed_at - track.at).total_seconds())
        prior = self.existence(track, silence)
        ratio = self.settings.max_likelihood_ratio
        if measured.position.identity is None:
            ratio = min(ratio, max(1.0, math.exp(innovation.log_likelihood) / self.settings.clutter_per_m2))
        odds = prior / (1.0 - prior) * ratio
        return min(odds / (1.0 + odds), 0.9999)

    def _initiate(self, measured: Measurement) -> TrackUpdate:
        """A new track: tentative, or confirmed at once when the thing says who it is."""
        position, settings = measured.position, self.settings
        state, cov = measured.birth()
        known = position.identity is not None
        track = Track(
            id=track_id(position),
            at=position.observed_at,
            heard_at=position.received_at or position.observed_at,
            lat=position.lat,
            lon=position.lon,
            velocity_enu_mps=(float(state[2]), float(state[3])),
            cov=tuple(cov.ravel().tolist()),
            existence=settings.identity_existence if known else settings.birth_existence,
            phase="confirmed" if known else "tentative",
            recording=position.recording,
            observations=(measured.id,),
        )
        track = _enriched(track, position, settings)
        self._keep(track)
        self.counts["initiated"] += 1
        return TrackUpdate(track, "confirmed" if known else "initiated")

    def _keep(self, track: Track, before: Track | None = None) -> None:
        for key in before.observations if before else ():
            self._used.pop(key, None)
        self.tracks[track.id] = track
        for key in track.observations:
            self._used[key] = track.id
        for identity in track.identities:
            self._holders[(track.recording, identity)] = track.id
        self._file(track, 0.0)

    def _file(self, track: Track, silence_s: float) -> None:
        """In the grid, with all that the gate can reach until the next sweep."""
        east, north = track.velocity_enu_mps
        speed_sigma = math.sqrt(max(track.cov[10], track.cov[15]))
        ahead = silence_s + self.settings.horizon_s
        width = math.sqrt(max(track.cov[0], track.cov[5])) + speed_sigma * ahead + math.sqrt(track.q * ahead**3 / 3.0)
        lat, lon = LocalFrame(track.lat, track.lon).to_geodetic(east * silence_s, north * silence_s)
        reach = math.sqrt(self.settings.gate) * width + track.speed_mps * self.settings.horizon_s
        self._grid.file(track.id, lat, lon, reach)

    def _forget(self, track: Track) -> None:
        del self.tracks[track.id]
        self._grid.remove(track.id)
        for key in track.observations:
            self._used.pop(key, None)
        for identity in track.identities:
            self._holders.pop((track.recording, identity), None)


def _compatible(track: Track, position: Position) -> bool:
    """Same picture, no other identity of the same scheme, and not seen by this source at this very moment."""
    if track.recording != position.recording:
        return False
    if track.at == position.observed_at and track.last_source == position.source:
        return False
    held = {scheme(identity) for identity in track.identities}
    return position.identity is None or scheme(position.identity) not in held


def _enriched(track: Track, position: Position, settings: TrackerSettings) -> Track:
    """The track heard again: clocks, source, identity, class and label of the observation where it states them."""
    return replace(
        track,
        at=position.observed_at,
        heard_at=position.received_at or position.observed_at,
        freshness="live",
        sources=_with(track.sources, position.source)[-settings.max_sources :],
        identities=_with(track.identities, position.identity),
        class_=position.class_ or track.class_,
        label=position.label or track.label,
        alt_m=track.alt_m if position.alt_m is None else position.alt_m,
        updates=track.updates + 1,
        last_source=position.source,
    )


def _with(names: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    return names if name is None or name in names else (*names, name)
