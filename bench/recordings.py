"""The tracker on recordings of real sensors; JSON on stdout, exit 1 when a bar is missed.

Aircraft (../shared/data/adsb): identities taken away, noise and drop-outs added by a seed, IDF1 against the identity
that was taken away, report by report: a report is right when its track is the one that stands for its flight.

Boats (../shared/data/autoferry): the pictures of each second, with lidar and radar alone and with the bearings of the
cameras, beside Stone Soup on the same merged returns (the best of its settings counts, metric by metric), all through
the scorer of ../shared/bench/tracking. Any other scenario or flight of the same form in these folders is taken as well.

    python bench/recordings.py [--seeds 1,2,3] [--adsb DIR] [--autoferry DIR] [--no-peer]
"""

import argparse
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from adsb import Harm, Ints, Reports, identity_f1, reports
from adsb_lines import LEVELS, levels
from autoferry import RADAR, SENSORS, Floats, Scan, Scenario, Sensor, polar_noise, scenarios
from report import Bar, finish, machine
from summit_fusion.jipda import Bearings, Detections, JipdaTracker
from summit_fusion.jipda.clutter import ClutterMap
from summit_fusion.jipda.returns import merge_returns
from summit_fusion.jipda.surveillance import NEW_TARGETS, harbour, reporting
from tracking import SHARED, last_json, peers_python

DATA = SHARED.parents[1] / "data"
HARMS = {
    "usual": Harm(),
    "clean": Harm(sigma_m=10.0, drop=0.0, burst_every_s=math.inf),
    "noisy": Harm(sigma_m=100.0, alt_sigma_m=60.0, drop=0.2),
    "bursty": Harm(burst_every_s=600.0),
}
MET = ("1s_10m", "1s_10m_drop20", "1s_10m_bursts", "1s_30m", "2s_10m_drop20", "5s_10m_calm", "5s_10m")
KEPT = ("1s_10m", "1s_10m_drop20", "1s_10m_bursts", "1s_30m", "5s_10m")
"""Levels of `adsb_lines` that hold within the scorer's 50 m, and at which identities are kept report by report."""
HULL_M = 25.0
PEER_SETTINGS = (
    {"q": 0.05, "cov": 100.0, "points": 5, "speed": 5.0},
    {"q": 0.05, "cov": 150.0, "points": 5, "speed": 5.0},
)
"""The best of those tried over the four scenarios: 0.05 m2/s3 with 50 to 400 m2 and 3 or 5 points, 0.5 m2/s3 with 50 m2
and 3 points. Larger values keep every far echo."""
Row = dict[str, Any]


def owners(seen: Reports, harm: Harm) -> Ints:
    """The track that each report went to, or -1."""
    tracker, owner, begin = JipdaTracker(reporting("aircraft", harm.every_s)), np.full(len(seen.at), -1), 0
    noise, width = np.array([harm.sigma_m**2, 0.0, harm.sigma_m**2]), harm.every_s
    while begin < len(seen.at):
        time = (math.floor(seen.at[begin] / width) + 1.0) * width
        end = int(np.searchsorted(seen.at, time))
        rows = slice(begin, end)
        scan, _ = Detections.of(
            time, seen.z[rows], np.tile(noise, (end - begin, 1)), clutter=NEW_TARGETS, at=seen.at[rows],
            detect=0.9, alt=seen.alt[rows], alt_sigma=np.full(end - begin, harm.alt_sigma_m),
        )  # fmt: skip
        tracker.predict(time)
        done = tracker.absorb(scan)
        known = done.share > 0.5
        owner[begin + done.edges[known]] = np.repeat(done.ids, np.diff(done.start))[known]
        begun = begin + np.flatnonzero(done.alone > 0.5)
        fresh = owner[begun] < 0
        owner[begun[fresh]] = done.born[fresh]
        begin = end
    return owner


def aircraft(folder: Path, seeds: list[int]) -> Row:
    result: Row = {}
    for path in sorted(folder.glob("*.json*")):
        name = path.name.partition(".")[0]
        for level, harm in HARMS.items():
            found = []
            for seed in seeds:
                seen = reports(path, harm, seed)
                found.append(identity_f1(seen.part, owners(seen, harm)))
            result.setdefault(name, {})[level] = {
                "idf1": round(mean(found), 4), "least": round(min(found), 4),
                "reports": len(seen.at), "targets": int(seen.part.max()) + 1,
            }  # fmt: skip
            print(name, level, result[name][level], file=sys.stderr)
    return result


def merged(scan: Scan) -> tuple[Floats, Floats]:
    return merge_returns(scan.seen, polar_noise(scan.seen, scan.own, SENSORS[scan.sensor]), HULL_M)


class Watch:
    """The tracker on one scenario; ``cameras``: with the bearings as well."""

    def __init__(self, cameras: bool) -> None:
        self.tracker = JipdaTracker(harbour())
        self.cameras = cameras
        self._maps = {key: ClutterMap(_density(sensor)) for key, sensor in SENSORS.items() if key <= RADAR}
        self._used: dict[int, float] = {}

    def take(self, scan: Scan) -> None:
        sensor = SENSORS[scan.sensor]
        if scan.sensor <= RADAR:
            self._positions(scan, sensor)
        elif self.cameras and scan.time - self._used.get(scan.sensor, -math.inf) >= sensor.every_s:
            self._used[scan.sensor] = scan.time
            self._bearings(scan, sensor)

    def _positions(self, scan: Scan, sensor: Sensor) -> None:
        z, noise = merged(scan)
        view = (float(scan.own[0]), float(scan.own[1]), sensor.reach_m)
        whole, _ = Detections.of(scan.time, z, noise, clutter=_density(sensor), detect=sensor.detect, view=view)
        self.tracker.predict(scan.time)
        learnt = self._maps[scan.sensor]
        done = self.tracker.absorb(replace(whole, clutter_at=learnt.at(whole.z)))
        learnt.learn(whole.z, done, self.tracker.tracks)

    def _bearings(self, scan: Scan, sensor: Sensor) -> None:
        count = len(scan.seen)
        bearings, _ = Bearings.of(
            scan.time, scan.seen, np.full(count, sensor.azimuth_sigma), np.tile(scan.own, (count, 1)),
            clutter=sensor.false / (2.0 * math.pi), detect=sensor.detect,
            view=(float(scan.own[0]), float(scan.own[1]), 0.0, math.pi, sensor.reach_m),
        )  # fmt: skip
        self.tracker.predict(scan.time)
        self.tracker.absorb_bearings(bearings)

    def picture(self, time: float) -> Row:
        shown = self.tracker.estimate(time)
        rows = zip(shown.id.tolist(), shown.mean.tolist(), strict=True)
        return {"t": time, "tracks": [[key, *state] for key, state in rows]}


def _density(sensor: Sensor) -> float:
    return sensor.false / (math.pi * sensor.reach_m**2)


def pictures(scenario: Scenario, cameras: bool) -> list[Row]:
    """What is shown half a second after each full second, of what was seen before it."""
    watch, shown, found = Watch(cameras), 0.5, []
    for scan in scenario.scans:
        while shown < scan.time:
            found.append(watch.picture(shown))
            shown += 1.0
        watch.take(scan)
    return found


def peer_pictures(peers: str, scenario: Scenario, setting: Row) -> list[Row]:
    scans = [scan for scan in scenario.scans if scan.sensor <= RADAR]
    task = setting | {
        "end": scenario.end,
        "scans": [[scan.time, np.hstack(merged(scan)).tolist()] for scan in scans],
    }
    command = [peers, str(Path(__file__).with_name("autoferry_peer.py"))]
    done = subprocess.run(command, input=json.dumps(task), check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def score(peers: str, scenario: Scenario, shown: list[Row]) -> Row:
    truth = []
    for row in shown:
        ids, states = scenario.truth(row["t"])
        truth.append({"t": row["t"], "ids": ids, "x": states.tolist()})
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, rows in (("truth.jsonl", truth), ("tracks.jsonl", shown)):
            (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return scored(peers, folder, folder / "tracks.jsonl", "5")


def scored(peers: str, folder: Path, tracks: Path, since: str) -> Row:
    return last_json([peers, str(SHARED / "score_tracks.py"), str(folder), str(tracks), "--tmin", since])


def boats(peers: str, folder: Path, peer: bool) -> Row:
    rows: dict[str, list[Row]] = {}
    for scenario in scenarios(folder):
        runs = {"positions": pictures(scenario, False), "bearings": pictures(scenario, True)}
        if peer:
            runs |= {f"peer{k}": peer_pictures(peers, scenario, one) for k, one in enumerate(PEER_SETTINGS)}
        for run, shown in runs.items():
            rows.setdefault(run, []).append(score(peers, scenario, shown))
            last = {name: rows[run][-1][name] for name in ("idf1", "gospa_rms_per_target")}
            print(scenario.name, run, last, file=sys.stderr)
    names = ("idf1", "gospa_rms_per_target", "missed_rate", "false_per_truth", "idsw", "loc_rmse")
    result: Row = {
        run: {name: round(mean(row[name] for row in all_), 4) for name in names} for run, all_ in rows.items()
    }
    with_, without = result["bearings"], result["positions"]
    result["bearings_gospa_ratio"] = round(with_["gospa_rms_per_target"] / without["gospa_rms_per_target"], 4)
    if peer:
        best = max(result[f"peer{k}"]["idf1"] for k in range(len(PEER_SETTINGS)))
        result["idf1_over_stone_soup"] = round(without["idf1"] - best, 4)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--adsb", type=Path, default=DATA / "adsb")
    parser.add_argument("--autoferry", type=Path, default=DATA / "autoferry")
    parser.add_argument("--no-peer", action="store_true", help="measure ours alone")
    options = parser.parse_args()
    if not (SHARED.exists() and options.adsb.exists() and options.autoferry.exists()):
        print("SKIPPED: the recordings are not beside this repository", file=sys.stderr)
        return 0
    seeds = [int(seed) for seed in options.seeds.split(",")]
    result: Row = {"machine": machine(), "seeds": seeds, "aircraft": aircraft(options.adsb, seeds)}
    for path in sorted(options.adsb.glob("calfire*")):
        result["lines"] = levels(path, seeds, lambda folder, tracks: scored(peers_python(), folder, tracks, "0"))
    result["boats"] = boats(peers_python(), options.autoferry, not options.no_peer)
    bars = [Bar(f"aircraft.{name}.usual.idf1", 0.97, 1.0) for name in result["aircraft"]]
    bars += [Bar(f"lines.{level}.idf1", 0.97, 1.0) for level in MET if "lines" in result]
    bars += [Bar(f"lines.{level}.by_report", 0.97, 1.0) for level in KEPT if "lines" in result]
    bars += [Bar("boats.bearings_gospa_ratio", 0.0, 0.999)]
    bars += [] if options.no_peer else [Bar("boats.idf1_over_stone_soup", 0.0, 1.0)]
    targets = [Bar(f"aircraft.{name}.{level}.idf1", 0.97, 1.0) for name in result["aircraft"] for level in HARMS]
    targets += [Bar(f"lines.{level}.idf1", 0.97, 1.0) for level in LEVELS if "lines" in result]
    return finish("recordings", result, bars, targets)


if __name__ == "__main__":
    sys.exit(main())
