"""The tracker beside Stone Soup, same detections, same scorer, same run; JSON on stdout, exit 1 when a bar is missed.

Scenarios, scorer and the Stone Soup runner are those of ../shared/bench/tracking. Stone Soup runs in an environment of
its own below .tools, with both of its tuned settings; the better one counts, metric by metric. Figures of several seeds
are means; the identity switches, which are few, are told of each seed as well. ``filter_alone`` is ours without what is
told by the seconds afterwards (`--no-smooth`), which Stone Soup's tracker does not look at either.

    python bench/tracking.py [--sizes 10,100,500,1000] [--seeds 101,102,103] [--no-peer]

The windows of the larger sizes are short because Stone Soup needs minutes for more; `long` follows 1,000 targets for a
minute with ours alone, since in a short window most switches are pairs that cross at the first scored moment.
`nonsense` is the processor time of a scan with 2,000 detections that are none beside 1,500 that are, against one
without them.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any

import numpy as np
from report import Bar, finish, machine
from summit_fusion.jipda import Detections, JipdaTracker

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "bench" / "tracking"
PEERS = ROOT / ".tools" / "peers"
PEER_PACKAGES = ("stonesoup==1.9.1", "scipy==1.17.1")
SETTINGS = (("--q", "6", "--cov", "400"), ("--q", "10", "--cov", "800"))
WINDOW_S = {10: 120, 100: 60, 500: 25, 1000: 15}
"""Stone Soup needs minutes for more of the large ones."""
SCORED_FROM_S = "5"
RATIO = {10: 50.0, 100: 300.0, 500: 600.0, 1000: 1000.0}
MANY, MOST = 10_000, 50_000
TARGETS_FOR_MOST = 56_000
NO_LIMIT = 1e12
Row = dict[str, Any]


def peers_python() -> str:
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return str(python)


def last_json(command: list[str]) -> Row:
    """What a program says in its last line."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def generate(folder: Path, size: int, seed: int, *extra: str) -> Path:
    made = folder / f"{size}-{seed}-{'-'.join(extra)}"
    last = [str(made), "--n", str(size), "--seed", str(seed), *extra]
    subprocess.run([sys.executable, str(SHARED / "generate_scenario.py"), *last], check=True, capture_output=True)
    return made


def score(peers: str, scenario: Path, tracks: Path, until: float) -> Row:
    command = [peers, str(SHARED / "score_tracks.py"), str(scenario), str(tracks)]
    return last_json([*command, "--tmin", SCORED_FROM_S, "--tmax", str(until)])


def ours(peers: str, scenario: Path, until: float, *options: str, scored: bool = True) -> Row:
    """`summit track` on the detections up to ``until``, as the peer gets them."""
    cut, tracks = scenario / "cut.jsonl", scenario / "ours.jsonl"
    with (scenario / "detections.jsonl").open() as lines, cut.open("w") as out:
        out.writelines(line for line in lines if json.loads(line)["t"] <= until)
    meta = json.loads((scenario / "meta.json").read_text())
    (scenario / "cut.json").write_text(json.dumps(meta | {"dur": min(until, meta["dur"])}))
    summit = str(Path(sys.executable).with_name("summit"))
    files = ["--input", str(cut), "--output", str(tracks), "--meta", str(scenario / "cut.json")]
    run = last_json([summit, "track", *files, *options])
    speed = run["detections"] / run["tracker_cpu_s"]
    return run | {"detections_per_cpu_s": round(speed)} | (score(peers, scenario, tracks, until) if scored else {})


def theirs(peers: str, scenario: Path, until: float) -> Row:
    """The better of Stone Soup's settings, metric by metric."""
    rows = []
    for setting in SETTINGS:
        tracks = scenario / "theirs.jsonl"
        command = [peers, str(SHARED / "run_stonesoup.py"), str(scenario), str(tracks)]
        run = last_json([*command, "--assoc", "gnn2d_tree", "--tmax", str(until), *setting])
        rows.append(score(peers, scenario, tracks, until) | {"detections_per_cpu_s": run["det_per_cpu_s"]})
    lowest = {name: min(row[name] for row in rows) for name in ("gospa_rms_per_target", "idsw_per_100_target_min")}
    highest = {name: max(row[name] for row in rows) for name in ("idf1", "detections_per_cpu_s")}
    return lowest | highest


def compare(peers: str, folder: Path, size: int, seeds: list[int], peer: bool) -> Row:
    pairs, alone = [], []
    for seed in seeds:
        scenario = generate(folder, size, seed, "--dur", str(WINDOW_S[size]))
        mine = ours(peers, scenario, WINDOW_S[size])
        alone.append(ours(peers, scenario, WINDOW_S[size], "--no-smooth"))
        other = theirs(peers, scenario, WINDOW_S[size]) if peer else {}
        pairs.append((mine, other))
        switches = mine["idsw_per_100_target_min"]
        print(f"n={size} seed={seed}: {mine['gospa_rms_per_target']} m, {switches} switches", other, file=sys.stderr)
    names = ("gospa_rms_per_target", "idsw_per_100_target_min", "idf1", "detections_per_cpu_s")
    row: Row = {name: round(mean(mine[name] for mine, _ in pairs), 4) for name in names}
    row["idsw_by_seed"] = {seed: mine["idsw_per_100_target_min"] for seed, (mine, _) in zip(seeds, pairs, strict=True)}
    row["filter_alone"] = {name: round(mean(one[name] for one in alone), 4) for name in names}
    row["nees4"] = round(mean(mine["nees4"] for mine, _ in pairs), 3)
    if peer:
        row["stone_soup"] = {name: round(mean(other[name] for _, other in pairs), 4) for name in names}
        row["speed_ratio"] = round(row["detections_per_cpu_s"] / row["stone_soup"]["detections_per_cpu_s"], 1)
        row["gospa_ratio"] = round(row["gospa_rms_per_target"] / row["stone_soup"]["gospa_rms_per_target"], 4)
    return row


def nonsense() -> float:
    """Processor time of a polluted scan, in times of that of a clean one: medians, taken in turn."""
    random, trackers = np.random.default_rng(1), (JipdaTracker(), JipdaTracker())
    spent: tuple[list[float], list[float]] = ([], [])
    place, speed = random.uniform(0, 16_000, (1500, 2)), random.normal(0, 15, (1500, 2))
    good, usual = np.empty((0, 3)), np.array([[100.0, 0.0, 100.0]])
    bad = np.array([[np.nan, 0, 1], [100, 100, 100], [-1, 0, 1], [0, 0, 0], [1e12, 0, 1e12]]).repeat(200, 0)
    bad = np.concatenate([bad, usual.repeat(1000, 0)])  # the last thousand are the same, and equal each other
    for second in range(30):
        z = place + second * speed + random.normal(0, 10, place.shape)
        for k, more in enumerate((good, bad)):
            places = np.concatenate([z, np.full((len(more), 2), 8000.0)])
            began = thread_time()
            noise = np.concatenate([usual.repeat(len(z), 0), more])
            trackers[k].step(Detections.of(float(second), places, noise, clutter=1e-9)[0])
            spent[k].append(thread_time() - began)
    return median(spent[1][5:]) / median(spent[0][5:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10,100,500,1000")
    parser.add_argument("--seeds", default="101,102,103")
    parser.add_argument("--no-peer", action="store_true", help="measure ours alone")
    options = parser.parse_args()
    if not SHARED.exists():
        print(f"SKIPPED: {SHARED.name} is not beside this repository", file=sys.stderr)
        return 0
    sizes, seeds = [int(size) for size in options.sizes.split(",")], [int(seed) for seed in options.seeds.split(",")]
    peers = peers_python()
    result: Row = {"machine": machine(), "seeds": seeds}
    with TemporaryDirectory() as folder:
        for size in sizes:
            result[f"n{size}"] = compare(peers, Path(folder), size, seeds, not options.no_peer)
        dense = [
            generate(Path(folder), 100, seed, "--dur", "60", "--spacing", "150", "--clutter", "3") for seed in seeds
        ]
        rows = [ours(peers, scenario, 60) for scenario in dense]
        names = ("gospa_rms_per_target", "idsw_per_100_target_min", "detections_per_cpu_s")
        result["dense"] = {name: round(mean(row[name] for row in rows), 3) for name in names}
        result["dense"]["idsw_by_seed"] = [row["idsw_per_100_target_min"] for row in rows]
        many = generate(Path(folder), MANY, seeds[0], "--dur", "20")
        result["many"] = ours(peers, many, 20)
        result["late"] = ours(peers, many, 20, "--online")  # 5 % of its detections come 0.6 to 3 s late
        result["most"] = ours(
            peers, generate(Path(folder), TARGETS_FOR_MOST, seeds[0], "--dur", "10"), 10, scored=False
        )
        result["long"] = ours(peers, generate(Path(folder), 1000, seeds[0], "--dur", "60"), 60)
    result["nonsense"] = {"times_a_clean_scan": round(nonsense(), 2)}
    return finish("tracking", result, bars_of(sizes, not options.no_peer), targets_of(sizes, not options.no_peer))


def bars_of(sizes: list[int], peer: bool) -> list[Bar]:
    bars = [Bar("dense.gospa_rms_per_target", 0, 30), Bar("dense.idsw_per_100_target_min", 0, 30)]
    bars += [Bar("many.detections_per_cpu_s", 1_000_000, NO_LIMIT), Bar("many.scan_ms_p99", 0, 15)]
    bars += [
        Bar("late.scan_ms_p99", 0, 30),
        Bar("most.tracks", MOST, NO_LIMIT),
        Bar("nonsense.times_a_clean_scan", 0, 2),
    ]
    bars += [Bar("long.idsw_per_100_target_min", 0, 2.0)]
    bars += [Bar(f"n{size}.idsw_per_100_target_min", 0, 2.0) for size in sizes]
    bars += [Bar(f"n{size}.nees4", 2, 5) for size in sizes]
    if peer:
        bars += [Bar(f"n{size}.gospa_ratio", 0, 0.92) for size in sizes]
        bars += [Bar(f"n{size}.speed_ratio", RATIO[size], NO_LIMIT) for size in sizes]
    return bars


def targets_of(sizes: list[int], peer: bool) -> list[Bar]:
    targets = [Bar("dense.gospa_rms_per_target", 0, 25), Bar("dense.idsw_per_100_target_min", 0, 12)]
    targets += [Bar(f"n{size}.idsw_per_100_target_min", 0, 0.5) for size in sizes]
    if peer:
        targets += [Bar(f"n{size}.speed_ratio", 2 * RATIO[size], NO_LIMIT) for size in sizes]
    return targets


if __name__ == "__main__":
    sys.exit(main())
