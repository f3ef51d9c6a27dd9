"""Recorded flights in the files of ../shared/bench/tracking: what `summit track` reads and `score_tracks.py` scores.

detections.jsonl (identities taken away), labels.jsonl, truth.jsonl (each half second after a full one) and meta.json.

Two figures of each level. ``idf1`` is that of the scorer, second by second: a track counts within 50 m, which asks how
well a turning aircraft is known between its reports as well as whose track it is. ``by_report`` asks for the identity
alone: the track that is nearest, within 500 m, to where the aircraft was in the first picture after each report.
"""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from adsb import LEAST_S, Floats, Harm, curve, flights, heard, identity_f1, plane

SENSOR, NEAR_M = "adsb", 500.0


@dataclass(frozen=True, slots=True)
class Window:
    """``begin_s`` and ``length_s`` in seconds of the recording. ``together``: all aircraft report at the same times
    (a resampled recording) instead of each at its own phase. A `Harm.every_s` of 0 is the recorded rate."""

    begin_s: float = 0.0
    length_s: float = 3600.0
    together: bool = False


LEVELS = {
    "1s_10m": Harm(every_s=1.0, sigma_m=10.0, burst_every_s=math.inf),
    "1s_10m_drop20": Harm(every_s=1.0, sigma_m=10.0, drop=0.2, burst_every_s=math.inf),
    "1s_10m_bursts": Harm(every_s=1.0, sigma_m=10.0),
    "1s_30m": Harm(every_s=1.0),
    "2s_10m_drop20": Harm(every_s=2.0, sigma_m=10.0, drop=0.2, burst_every_s=math.inf),
    "5s_10m_calm": Harm(sigma_m=10.0, burst_every_s=math.inf),
    "10s_10m_calm": Harm(every_s=10.0, sigma_m=10.0, burst_every_s=math.inf),
    "1s_100m": Harm(every_s=1.0, sigma_m=100.0),
    "5s_10m": Harm(sigma_m=10.0),
    "5s_30m": Harm(),
    "5s_100m_drop20": Harm(sigma_m=100.0, drop=0.2),
    "recorded_30m": Harm(every_s=0.0),
}
HOURS = (46, 164, 0)
"""Of the recording, when many fly."""


@dataclass(frozen=True, slots=True)
class Part:
    """A flight without a longer silence: ``rows`` (n, 6) as of `flights`, ``place`` (n, 2) metres."""

    rows: Floats
    place: Floats

    def at(self, times: Floats) -> Floats:
        return curve(self.rows[:, 0], self.place, self.rows[:, 4:], times)

    def inside(self, times: Floats) -> Floats:
        chosen: Floats = times[(times >= self.rows[0, 0]) & (times <= self.rows[-1, 0])]
        return chosen


def parts(path: Path, gap_s: float, window: Window) -> list[Part]:
    """All that overlap the window, with times counted from its begin."""
    whole, found = list(flights(path)), list[Part]()
    begin = min(rows[0, 0] for rows in whole if len(rows)) + window.begin_s
    centre = tuple(np.median(np.concatenate(whole)[:, 1:3], axis=0).tolist())
    for rows in whole:
        rows[:, 0] -= begin
        for piece in np.split(rows, np.flatnonzero(np.diff(rows[:, 0]) > gap_s) + 1):
            if len(piece) < 2 or piece[-1, 0] < LEAST_S or piece[0, 0] > window.length_s - LEAST_S:
                continue
            if piece[-1, 0] - piece[0, 0] >= LEAST_S:
                found.append(Part(piece, plane(piece[:, 1], piece[:, 2], centre)))
    return found


def reported(part: Part, harm: Harm, window: Window, random: np.random.Generator) -> Floats:
    """Times at which the part is heard."""
    if harm.every_s == 0.0:
        times = part.rows[:, 0]
    else:
        phase = 0.0 if window.together else random.random() * harm.every_s
        first = math.ceil((max(part.rows[0, 0], 0.0) - phase) / harm.every_s)
        times = part.inside(phase + harm.every_s * np.arange(first, first + 10 + window.length_s / harm.every_s))
    times = times[(times >= 0.0) & (times < window.length_s)]
    chosen: Floats = times[heard(times, harm, random)]
    return chosen


def write(folder: Path, path: Path, harm: Harm, window: Window, seed: int) -> dict[str, Any]:
    """The files of one window; returns what meta.json says."""
    random, seen = np.random.default_rng(seed), []
    found = parts(path, harm.gap_s, window)
    for number, part in enumerate(found):
        times = reported(part, harm, window, random)
        places = part.at(times) if len(times) else np.empty((0, 2))
        noisy = places + random.normal(0.0, harm.sigma_m, places.shape)
        seen += [(time, number, *place) for time, place in zip(times.tolist(), noisy.tolist(), strict=True)]
    seen.sort()
    lines, labels, truth = [], [], list[dict[str, Any]]()
    for key, (time, number, x, y) in enumerate(seen):
        cov = [harm.sigma_m**2, 0.0, harm.sigma_m**2]
        lines.append({"id": key, "t": time, "t_rx": time + 0.02, "sensor": SENSOR, "x": x, "y": y, "cov": cov})
        labels.append([key, number])
    for time in np.arange(0.5, window.length_s):
        rows = [(k, part) for k, part in enumerate(found) if part.rows[0, 0] <= time <= part.rows[-1, 0]]
        states = [_state(part, float(time)) for _, part in rows]
        truth.append({"t": float(time), "ids": [k for k, _ in rows], "x": states})
    places = np.concatenate([part.place for part in found])
    side = float(np.ptp(places, axis=0).max())
    sensor = {"name": SENSOR, "period": harm.every_s, "offset": 0.0, "pd": 1.0 - harm.drop, "clutter_density": 0.0}
    meta: dict[str, object] = {
        "n": len(found),
        "L": side,
        "dur": window.length_s,
        "pd": 1.0 - harm.drop,
        "seed": seed,
        "ndet": len(seen),
    }
    meta["sensors"] = [sensor]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("detections", lines), ("labels", labels), ("truth", truth)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    (folder / "meta.json").write_text(json.dumps(meta))
    return meta


def _state(part: Part, time: float) -> list[float]:
    around = part.at(np.clip([time - 0.1, time, time + 0.1], part.rows[0, 0], part.rows[-1, 0]))
    return [*around[1].tolist(), *((around[2] - around[0]) / 0.2).tolist()]


def by_report(folder: Path, tracks: Path) -> float:
    """Identity F1 of the reports, see above."""
    labels = dict(_rows_of(folder / "labels.jsonl"))
    truth = {row["t"]: dict(zip(row["ids"], row["x"], strict=True)) for row in _rows_of(folder / "truth.jsonl")}
    shown = {row["t"]: row["tracks"] for row in _rows_of(tracks)}
    whose, owner = [], []
    for row in _rows_of(folder / "detections.jsonl"):
        picture, number = math.floor(row["t"] + 0.5) + 0.5, labels[row["id"]]
        place = truth.get(picture, {}).get(number)
        if place is not None:
            whose.append(number)
            off = [(math.dist(one[1:3], place[:2]), one[0]) for one in shown.get(picture, [])]
            least, name = min(off, default=(math.inf, -1))
            owner.append(name if least < NEAR_M else -1)
    return identity_f1(np.array(whose), np.array(owner))


def _rows_of(path: Path) -> Iterator[Any]:
    return map(json.loads, path.read_text().splitlines())


def levels(path: Path, seeds: list[int], score: Callable[[Path, Path], dict[str, Any]]) -> dict[str, Any]:
    """`summit track` by its own choice of settings at each level; the seeds take the hours in turn."""
    result = {}
    for level, harm in LEVELS.items():
        rows = []
        for seed in seeds:
            with TemporaryDirectory() as name:
                folder, tracks = Path(name), Path(name) / "tracks.jsonl"
                hour = HOURS[seed % len(HOURS)]
                write(folder, path, harm, Window(3600.0 * hour, together=seed % 2 == 0), seed)
                summit = str(Path(sys.executable).with_name("summit"))
                files = ["--input", str(folder / "detections.jsonl"), "--output", str(tracks)]
                command = [summit, "track", *files, "--meta", str(folder / "meta.json")]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                rows.append(score(folder, tracks) | {"by_report": by_report(folder, tracks)})
                rows[-1]["settings"] = json.loads(done.stdout.splitlines()[-1])["settings"]
        names = ("idf1", "by_report", "missed_rate", "false_per_truth", "idsw")
        result[level] = {name: round(mean(row[name] for row in rows), 4) for name in names}
        result[level] |= {"least": min(row["idf1"] for row in rows), "settings": sorted({r["settings"] for r in rows})}
        print("lines", level, result[level], file=sys.stderr)
    return result
