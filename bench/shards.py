"""Shards: 1,000 targets crossing the border of two of them beside one shard on the same data, what shards cost beside
a bare tracker, the state as bytes. JSON on stdout, exit 1 when a bar is missed.

Two borders: of two shards (messages between them are a second old) and of two regions of one shard.

    python bench/shards.py [--seeds 11,12] [--targets 1000]
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray
from report import Bar, finish, machine
from summit_fusion.jipda import Detections, JipdaTracker, LateTracker
from summit_fusion.jipda.warm import warm
from summit_fusion.shards import GeoEstimate, GeoScan, MemoryOwnership, Shard
from summit_fusion.shards.chart import Chart

Floats = NDArray[np.float64]
SPACING_M, MATCH_M, START = 400.0, 50.0, 1_700_000_000.0
SENSORS = (("adsb", 1.0, 0.0, 10.0), ("radar", 2.0, 0.37, 25.0), ("eo", 4.0, 0.81, 20.0))
CLUTTER_A_TARGET = 0.2
WARM_UP_S = 8.0
MESSAGES_S = 1.0
NO_LIMIT = 1e12


@dataclass(frozen=True)
class Crowd:
    """Targets at constant speed with white acceleration, half of them going east and half west, over a border."""

    chart: Chart
    places: Floats
    """(seconds * 2 + 1, n, 2): every half second, metres on the chart."""
    scans: list[GeoScan]

    @classmethod
    def of(cls, chart: Chart, targets: int, seconds: int, seed: int, speed: float = 80.0) -> "Crowd":
        random, half = np.random.default_rng(seed), SPACING_M * np.sqrt(targets) / 2.0
        place = random.uniform(-half, half, (targets, 2))
        velocity = random.normal(0, 10, (targets, 2))
        velocity[:, 0] += np.where(place[:, 0] < 0, 1.0, -1.0) * random.uniform(0.7, 1.3, targets) * speed
        places = [place]
        for _ in range(2 * seconds):
            velocity = velocity + random.normal(0, 0.5, velocity.shape)
            places.append(places[-1] + 0.5 * velocity)
        crowd = cls(chart, np.array(places), [])
        key, times = 0, [(o + k * p, name, sigma) for name, p, o, sigma in SENSORS for k in range(int(seconds / p))]
        for at, sensor, sigma in sorted(times):
            crowd.scans.append(crowd._scan(random, at, sensor, sigma, key, half))
            key += len(crowd.scans[-1])
        return crowd

    def at(self, seconds: float) -> Floats:
        step = min(int(2 * seconds), len(self.places) - 2)
        here, there = self.places[step], self.places[step + 1]
        return np.asarray(here + (2 * seconds - step) * (there - here))

    def _scan(self, random: Any, at: float, sensor: str, sigma: float, key: int, half: float) -> GeoScan:
        truth = self.at(at)
        seen = truth[random.random(len(truth)) < 0.9]
        wrong = random.uniform(-2 * half, 2 * half, (random.poisson(CLUTTER_A_TARGET * len(truth)), 2))
        z = np.concatenate([seen + random.normal(0, sigma, seen.shape), wrong])
        lat, lon = self.chart.places(z)
        noise, keys = np.tile([sigma**2, 0.0, sigma**2], (len(z), 1)), key + np.arange(len(z))
        density = max(CLUTTER_A_TARGET * len(truth) / (16 * half * half), 1e-12)
        return GeoScan.of(START + at, sensor, lat, lon, noise, keys, clutter=density)[0]


class Score:
    """Identity switches (CLEAR-MOT: the pair of before is kept while it is near) and targets that have no track."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._last = crowd, dict[int, str]()
        self.switches, self.minutes, self.missed, self.false, self._at = 0, 0.0, 0, 0, 0.0
        self.lost = 0
        """Targets without a track in the last snapshot."""

    def look(self, seconds: float, shown: list[GeoEstimate]) -> None:
        truth, ids = self._crowd.at(seconds), [name for one in shown for name in one.id]
        lat, lon = (np.concatenate([getattr(one, name) for one in shown]) for name in ("lat", "lon"))
        place, _ = self._crowd.chart.lay(lat, lon)
        if len(set(ids)) != len(ids):
            raise AssertionError("two shards show the same track")
        row, taken = {name: k for k, name in enumerate(ids)}, set[int]()
        pairs = {
            i: row[n] for i, n in self._last.items() if n in row and np.hypot(*(place[row[n]] - truth[i])) < MATCH_M
        }
        taken.update(pairs.values())
        for i in range(len(truth)):
            if i not in pairs:
                off = np.hypot(*(place - truth[i]).T)
                off[list(taken)] = np.inf
                if len(off) and off.min() < MATCH_M:
                    pairs[i] = int(off.argmin())
                    taken.add(pairs[i])
                    self.switches += self._last.get(i, ids[pairs[i]]) != ids[pairs[i]]
        self._last |= {i: ids[k] for i, k in pairs.items()}
        self.lost = len(truth) - len(pairs)
        self.missed, self.false = self.missed + self.lost, self.false + len(ids) - len(pairs)
        self.minutes += len(truth) / 60.0

    def row(self) -> dict[str, float]:
        looks = 60.0 * self.minutes
        return {
            "switches_per_100_target_min": round(100.0 * self.switches / self.minutes, 4),
            "missed": round(self.missed / looks, 5), "false": round(self.false / looks, 5), "lost_at_end": self.lost,
        }  # fmt: skip


def border(lat: float, lon: float, resolution: int) -> tuple[float, float]:
    """The next border to the east between cells of resolution 4, or between what is made up of these."""

    def whose(lon: float) -> int:
        return int(h3.cell_to_parent(h3.latlng_to_cell(lat, lon, 4), resolution))

    here = whose(lon)
    while whose(lon) == here:
        lon += 0.001
    return lat, lon


def looks(crowd: Crowd, seconds: int, take: Any, show: Any) -> Iterator[dict[str, float]]:
    score, scans = Score(crowd), deque(crowd.scans)
    for second in range(1, seconds):
        while scans and scans[0].time <= START + second:
            take(scans.popleft())
        if second >= WARM_UP_S:
            score.look(second, show(START + second))
    yield score.row()


def one_shard(crowd: Crowd, seconds: int) -> dict[str, float]:
    shard = Shard("one")
    return next(looks(crowd, seconds, shard.take, lambda at: [shard.estimates(at)]))


def plain(crowd: Crowd, seconds: int) -> dict[str, float]:
    """One tracker in one plane, for comparison with a shard of two regions."""
    tracker = JipdaTracker()

    def take(scan: GeoScan) -> None:
        z, _ = crowd.chart.lay(scan.lat, scan.lon)
        tracker.step(Detections.of(scan.time, z, scan.noise, clutter=scan.clutter, key=scan.key)[0])

    def show(at: float) -> list[GeoEstimate]:
        shown = tracker.estimate(at)
        lat, lon = crowd.chart.places(shown.mean[:, :2])
        none: Any = np.empty(len(lat))
        return [GeoEstimate(at, [str(n) for n in shown.id], lat, lon, none, none, none, none, none, none, none)]

    return next(looks(crowd, seconds, take, show))


class Pair:
    """Two shards that tell each other of tracks once a second; what they say arrives a second later."""

    def __init__(self, west: set[int], east: set[int]) -> None:
        registry = MemoryOwnership()
        self.shards = [Shard(name, cells, ownership=registry) for name, cells in (("west", west), ("east", east))]
        self._post: deque[Any] = deque()
        self._told, self.handed, self.cpu = START, 0, 0.0

    def take(self, scan: GeoScan) -> None:
        began = time.process_time()
        for shard in self.shards:
            shard.take(scan)
        if scan.time - self._told >= MESSAGES_S:
            self._told = scan.time
            self._deliver()
        self.cpu += time.process_time() - began

    def _deliver(self) -> None:
        for to, ghosts, offers in self._post:
            to.show_ghosts(ghosts)
            self.handed += sum(to.accept(offer) for offer in offers)
        self._post.clear()
        for one, other in (self.shards, self.shards[::-1]):
            self._post.append((other, one.ghosts_for(other.cells or set()), one.leaving()))

    def show(self, at: float) -> list[GeoEstimate]:
        return [shard.estimates(at) for shard in self.shards]


def two_shards(crowd: Crowd, seconds: int) -> dict[str, float]:
    disk = h3.grid_disk(h3.latlng_to_cell(crowd.chart.lat, crowd.chart.lon - 0.001, 4), 2)
    west = {cell for cell in disk if h3.cell_to_latlng(cell)[1] < crowd.chart.lon}
    pair = Pair(west, set(disk) - west)
    row = next(looks(crowd, seconds, pair.take, pair.show))
    return row | {"handed_over": pair.handed, "cpu_s": round(pair.cpu, 2)}


def crossing(targets: int, seconds: int, seeds: list[int]) -> dict[str, Any]:
    """Both borders, mean over the seeds."""
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        shards = Crowd.of(Chart.at(*border(45.0, 5.0, 4)), targets, seconds, seed)
        regions = Crowd.of(Chart.at(*border(45.0, 5.0, 1)), targets, seconds, seed)
        runs = {
            "one_shard": one_shard(shards, seconds), "two_shards": two_shards(shards, seconds),
            "one_plane": plain(regions, seconds), "two_regions": one_shard(regions, seconds),
        }  # fmt: skip
        for name, row in runs.items():
            rows.setdefault(name, []).append(row)
            print(seed, name, row, file=sys.stderr)
    result: dict[str, Any] = {
        name: {key: round(mean(row[key] for row in several), 5) for key in several[0]} for name, several in rows.items()
    }
    key = "switches_per_100_target_min"
    for more, less in (("two_shards", "one_shard"), ("two_regions", "one_plane")):
        result[more]["more_switches"] = round(result[more][key] - result[less][key], 4)
        result[more]["more_lost"] = result[more]["lost_at_end"] - result[less]["lost_at_end"]
    return result


def overhead(place: tuple[float, float], targets: int, seconds: int) -> dict[str, float]:
    """Processor time a scan of the same data: a shard, a bare tracker, and one for late data, which are given plane
    coordinates. Then the state as bytes and the picture."""
    crowd = Crowd.of(Chart.at(*place), targets, seconds, 1, speed=30.0)
    shard, bare, late = Shard("cost"), JipdaTracker(), LateTracker()
    planar = [
        Detections.of(scan.time, crowd.chart.lay(scan.lat, scan.lon)[0], scan.noise, clutter=scan.clutter,
                      sensor=scan.sensor, key=scan.key)[0]
        for scan in crowd.scans
    ]  # fmt: skip
    bare_ms, late_ms = costs(bare.step, planar), costs(late.take, planar)
    shard_ms, marks, state = costs(shard.take, crowd.scans), [time.process_time()], list[bytes]()
    acts: tuple[Callable[[], object], ...] = (
        lambda: shard.estimates(shard.clock),
        shard.changed,
        lambda: state.append(shard.state()),
        lambda: Shard.restore(state[0]),
    )
    for act in acts:
        act()
        marks.append(time.process_time())
    steps = dict(zip(("estimates_ms", "changed_ms", "state_ms", "restore_ms"), np.diff(marks) * 1e3, strict=True))
    figures = {
        "tracks": bare.tracks.count, "bare_scan_ms": bare_ms.mean(), "late_scan_ms": late_ms.mean(),
        "shard_scan_ms": shard_ms.mean(), "shard_scan_p99_ms": float(np.quantile(shard_ms, 0.99)),
        "ratio": shard_ms.mean() / bare_ms.mean(), "state_mb": len(state[0]) / 1e6,
    }  # fmt: skip
    return {name: round(float(value), 2) for name, value in (figures | steps).items()}


def costs(take: Any, scans: list[Any]) -> Floats:
    """Milliseconds of processor time of each scan, without the first third."""
    spent = []
    for scan in scans:
        began = time.process_time()
        take(scan)
        spent.append(1e3 * (time.process_time() - began))
    return np.array(spent[len(spent) // 3 :])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="11,12")
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=90)
    options = parser.parse_args()
    warm()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    result: dict[str, Any] = {"machine": machine(), "targets": options.targets, "seeds": seeds}
    result |= crossing(options.targets, options.seconds, seeds)
    result["overhead"] = {
        "in_a_region": overhead((45.6, 3.5), 10_000, 16),
        "on_a_border_of_regions": overhead(border(45.0, 5.0, 1), 10_000, 16),
    }
    bars = [Bar(f"{name}.more_switches", -NO_LIMIT, 0.1) for name in ("two_shards", "two_regions")]
    bars += [Bar(f"{name}.more_lost", -NO_LIMIT, 0) for name in ("two_shards", "two_regions")]
    bars += [Bar("two_shards.handed_over", options.targets / 4, NO_LIMIT)]
    return finish("shards", result, bars)


if __name__ == "__main__":
    sys.exit(main())
