"""A region: a chart, the tracker in it, and which of the tracks in there belong to somebody else."""

from dataclasses import dataclass, field, fields

import h3.api.basic_int as h3
import numpy as np
from summit_core.geo import distance_m

from summit_fusion.jipda import Detections, Estimate, TrackerSettings
from summit_fusion.jipda.layout import XX, YY, Arrays, Floats, Ints, Marks
from summit_fusion.jipda.merge import Duplicates
from summit_fusion.shards.chart import Chart, move_frame, noise_on_plane, turning
from summit_fusion.shards.ground import HALO_M, Ground
from summit_fusion.shards.local import Rank, RegionTracker, among
from summit_fusion.shards.scan import GeoScan

DEPTH_M, MOST_DEPTH_M = 2_000.0, 4_000.0
"""A track changes owner when it is so far inside the neighbour, or three standard deviations between these. The least
is more than a tooth of the raster (1.7 km), so nobody changes twice by going along a border."""
REACH_M = 600_000.0
SAME, SAME_IN_TIME = 1.0, 0.01
"""Squared distance over variance up to which a copy of a track is taken to be equal to the original: in another shard,
which may be a second behind, and in the same one. What differs has missed late data that came before its beginning."""
CIRCLE = np.stack([np.cos(np.arange(8) * np.pi / 4.0), np.sin(np.arange(8) * np.pi / 4.0)], 1)


@dataclass(frozen=True, slots=True)
class Placed:
    """Tracks of a region with their places at ``at``: (n,) and for ``plane`` (n, 2), ``sigma`` in metres."""

    id: Ints
    at: Floats
    plane: Floats
    lat: Floats
    lon: Floats
    sigma: Floats
    kind: Ints

    def rows(self, chosen: Ints | Marks) -> "Placed":
        return Placed(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


@dataclass(slots=True)
class Region:
    """``zone``: its H3 cell. ``foreign``: the tracks in it that others own, and the time until which they are kept
    without being shown again."""

    zone: int
    chart: Chart
    tracker: RegionTracker
    foreign: dict[int, float] = field(default_factory=dict)
    duplicates: Duplicates = field(default_factory=Duplicates)

    @classmethod
    def of(cls, zone: int, settings: TrackerSettings, horizon_s: float, pinned: set[int]) -> "Region":
        tracker = RegionTracker(settings, horizon_s)
        tracker.now.pinned = pinned
        return cls(zone, Chart.at(*centre_of(zone)), tracker)

    @property
    def tracks(self) -> Arrays:
        return self.tracker.now.tracks

    def take(self, scan: GeoScan, rows: Ints, owned: Marks) -> None:
        """The part of a scan that is in the region or its halo. An empty part tells that nothing was seen."""
        if not len(rows) and (self.tracks.count + len(self.tracker.waiting) == 0 or not self._in_view(scan)):
            return
        if not len(rows) and self.tracker.knows((scan.time, scan.sensor)):
            return
        plane, frame = self.chart.lay(scan.lat[rows], scan.lon[rows])
        key = scan.key[rows]
        piece, _ = Detections.of(
            scan.time, plane, noise_on_plane(scan.noise[rows], frame), clutter=scan.clutter, at=scan.at[rows],
            detect=scan.detect, view=None if scan.view is None else self.chart.circle(*scan.view), sensor=scan.sensor,
            key=np.where(owned[rows], key, ~key), **scan.evidence_of(rows),
        )  # fmt: skip
        self.tracker.take(piece)

    def _in_view(self, scan: GeoScan) -> bool:
        if scan.view is None:
            return True
        lat, lon, radius = scan.view
        return distance_m(self.chart.lat, self.chart.lon, lat, lon) < radius + REACH_M + HALO_M

    def own(self, ids: Ints) -> Marks:
        """Which of the tracks are not somebody else's."""
        own = np.ones(len(ids), np.bool_)
        own[among(ids, np.fromiter(self.foreign, np.int64, len(self.foreign)))] = False
        return own

    def owned(self) -> set[int]:
        """Ids of its own tracks."""
        return set(self.tracks.id[: self.tracks.count].tolist()) - self.foreign.keys()

    def holds(self, track: int) -> bool:
        return bool((self.tracks.id[: self.tracks.count] == track).any())

    def placed(self, ground: Ground) -> Placed:
        """Its own tracks, without those that were detected once. A second detection may lie over the border, where a
        track then begins at it; the replay that comes with the first one takes that back."""
        t = self.tracks
        rows = np.flatnonzero(self.own(t.id[: t.count]) & (t.hits[: t.count] > 1))
        cruise = t.cruise[rows][:, None]
        plane = cruise * t.mean[rows, 0, :2] + (1.0 - cruise) * t.mean[rows, 1, :2]
        variance = np.maximum(t.cov[rows, :, XX], t.cov[rows, :, YY]).max(1)
        lat, lon = self.chart.places(plane)
        return Placed(t.id[rows], t.at[rows], plane, lat, lon, np.sqrt(variance), ground.kinds_of(lat, lon))

    def deep(self, placed: Placed, ground: Ground) -> Marks:
        """Which tracks are so far outside that they are the neighbour's to keep."""
        depth = np.clip(3.0 * placed.sigma, DEPTH_M, MOST_DEPTH_M)
        around = placed.plane[:, None, :] + depth[:, None, None] * CIRCLE
        kinds = ground.kinds_of(*self.chart.places(around.reshape(-1, 2)))
        outside = ground.where(np.concatenate([kinds, placed.kind]), lambda kind: kind[0] != self.zone)
        return np.asarray(outside[: len(kinds)].reshape(-1, len(CIRCLE)).all(1) & outside[len(kinds) :])

    def differing(self, placed: Placed, same: float) -> Ints:
        """Which tracks of a neighbour are not here, or are somewhere else than the neighbour says."""
        t = self.tracks
        if not t.count:
            return np.arange(len(placed.id))
        order = np.argsort(t.id[: t.count])
        rows = order[np.minimum(np.searchsorted(t.id[: t.count], placed.id, sorter=order), t.count - 1)]
        cruise = t.cruise[rows][:, None]
        mean = cruise * t.mean[rows, 0] + (1.0 - cruise) * t.mean[rows, 1]
        here = mean[:, :2] + (placed.at - t.at[rows])[:, None] * mean[:, 2:]
        there, _ = self.chart.lay(placed.lat, placed.lon)
        far = ((here - there) ** 2).sum(1) > same * placed.sigma**2
        return np.flatnonzero((t.id[rows] != placed.id) | far)

    def learn(self, placed: Placed, source: "Region", until: float) -> list[tuple[Rank, Arrays]]:
        """Know of some tracks of another region of this process; returns those that are not here as they are there, in
        our frame, each as it was before a scan of the past."""
        self.foreign.update(dict.fromkeys(placed.id.tolist(), until))
        unlike = self.differing(placed, SAME_IN_TIME)
        found = source.tracker.past(placed.id[unlike]) if len(unlike) else []
        for _, rows in found:
            move_frame(rows, source.chart, self.chart)
        return found

    def renew(self, arriving: list[tuple[Rank, Arrays]], clock: float) -> None:
        """Take in fresh copies of foreign tracks, and forget those that nobody shows any more."""
        gone = [track for track, until in self.foreign.items() if until < clock]
        for track in gone:
            del self.foreign[track]
        ids = [np.array(gone, np.int64), *(rows.id[: rows.count] for _, rows in arriving)]
        self.tracker.drop(np.concatenate(ids))
        self.tracker.adopt(arriving)

    def estimate(self, time: float) -> tuple[Estimate, Ints, Arrays]:
        """What is shown of the tracks in it; with their rows, and the arrays in which those are."""
        ahead = self.tracker.peek()
        shown, t = ahead.estimate(time), ahead.tracks
        order = np.argsort(t.id[: t.count], kind="stable")
        rows = order[np.searchsorted(t.id[: t.count], shown.id, sorter=order)] if t.count else shown.id
        return shown, rows, t

    def outwards(self, mean: Floats, cov: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Latitude, longitude, velocity (n, 2) and covariance (n, 4, 4) at the place, of states on the plane."""
        lat, lon = self.chart.places(mean[:, :2])
        _, frame = self.chart.lay(lat, lon)
        turn = turning(frame, back=True)
        velocity = np.einsum("ijk,ik->ij", turn[:, 2:, 2:], mean[:, 2:])
        return lat, lon, velocity, turn @ cov @ turn.transpose(0, 2, 1)


def centre_of(zone: int) -> tuple[float, float]:
    lat, lon = h3.cell_to_latlng(zone)
    return float(lat), float(lon)
