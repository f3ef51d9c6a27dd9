"""`summit track` chooses its settings by what it sees: the default in dense scenes, others for traffic that reports."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from summit_cli.assumptions import assume
from summit_cli.detections import Detection, Scenario, Sensor
from summit_cli.main import main
from summit_cli.reports import arriving, reports, width_of

SIGMA_M = 10.0


def course(k: int, speed: float, times: Any) -> Any:
    """Where target k is at some times (n, 2), metres."""
    random = np.random.default_rng(k)
    heading, turn = random.uniform(0, 2 * math.pi), random.uniform(0.005, 0.02) * (-1) ** k
    now = heading + turn * np.asarray(times)
    x, y = (speed / turn * (f(now) - f(heading)) for f in (np.sin, lambda a: -np.cos(a)))
    return np.column_stack([40_000.0 * k + x, 40_000.0 * (k % 2) + y])


def polygon(k: int, speed: float, times: Any) -> Any:
    """The same as `course`, of straight lines with a corner of 20 to 90 degrees every 30 to 60 seconds."""
    random = np.random.default_rng(k)
    at = np.cumsum(random.uniform(30.0, 60.0, 100))
    heading = np.cumsum(random.uniform(0.35, 1.57, 100) * random.choice([-1.0, 1.0], 100))
    legs = speed * np.diff(at)[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])[:-1]
    corners = np.cumsum([[40_000.0 * k, 40_000.0 * (k % 2)], *legs], 0)
    return np.column_stack([np.interp(times, at - at[0], corners[:, axis]) for axis in (0, 1)])


def formation(k: int, speed: float, times: Any) -> Any:
    """Three pairs on courses of `course`: one of each goes round the other at 300 m."""
    around = 0.01 * np.asarray(times)
    beside = (k % 2) * 300.0 * np.column_stack([np.cos(around), np.sin(around)])
    return course(2 * (k // 2), speed, times) + beside


def flying(
    every_s: float, speed: float, seconds: float = 120.0, begin: float = 0.0, drop: float = 0.1, way: Any = course
) -> list[str]:
    """Six targets 40 km apart go round in wide turns, each reports at its own time."""
    random, rows = np.random.default_rng(3), list[tuple[float, float, float]]()
    for k in range(6):
        times = np.arange(random.random() * every_s, seconds, every_s)
        times = times[random.random(len(times)) >= drop]
        for time, place in zip(times, way(k, speed, times), strict=True):
            rows.append((float(time), *place))
    rows.sort()
    noisy = [(time, x + random.normal(0, SIGMA_M), y + random.normal(0, SIGMA_M)) for time, x, y in rows]
    return [
        json.dumps({"id": n, "t": begin + t, "sensor": "adsb", "x": x, "y": y, "cov": [SIGMA_M**2, 0.0, SIGMA_M**2]})
        for n, (t, x, y) in enumerate(noisy)
    ]


def run(folder: Path, lines: list[str], *options: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (folder / "in.jsonl").write_text("\n".join(lines))
    files = ["--input", str(folder / "in.jsonl"), "--output", str(folder / "out.jsonl")]
    result = CliRunner().invoke(main, ["track", *files, *options])
    assert result.exit_code == 0, result.output
    pictures = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    return json.loads(result.stdout.splitlines()[-1]), pictures


def detections(lines: list[str]) -> list[Detection]:
    return [Detection(**json.loads(line)) for line in lines]


@pytest.mark.parametrize(
    ("every_s", "speed", "name"), [(1.0, 90.0, "aircraft"), (5.0, 200.0, "aircraft"), (10.0, 5.0, "vessel")]
)
def test_sparse_traffic_that_reports_itself_is_known_by_its_speed(
    tmp_path: Path, every_s: float, speed: float, name: str
) -> None:
    summary, pictures = run(tmp_path, flying(every_s, speed, 60.0 * every_s, drop=0.0))
    assert summary["settings"] == f"{name} adsb:{every_s:g}s"
    assert summary["tracks"] == 6
    assert len(pictures[len(pictures) // 2]["tracks"]) == 6


def test_traffic_that_is_heard_each_half_minute_with_gaps_is_not_taken_for_false_detections() -> None:
    random, last, kept = np.random.default_rng(2), {}, []
    for line in flying(25.0, 90.0, 3600.0):
        one = json.loads(line)
        target = round(one["x"] / 40_000.0)
        if one["t"] >= last.get(target, -1.0):  # many a report is the last one for 130 to 280 s
            last[target] = one["t"] + (random.uniform(130.0, 280.0) if random.random() < 0.4 else 0.0)
            kept.append(line)
    assert assume("auto", detections(kept), Scenario()).name == "aircraft"


def test_reports_that_get_lost_cost_no_identity_also_online(tmp_path: Path) -> None:
    lines = flying(1.0, 90.0, drop=0.2)
    assert run(tmp_path, lines)[0]["tracks"] == 6
    summary, pictures = run(tmp_path, lines, "--no-smooth")
    assert summary["tracks"] == 6
    online, shown = run(tmp_path, lines, "--online")
    assert online["tracks"] == 6
    assert [len(picture["tracks"]) for picture in shown] == [len(picture["tracks"]) for picture in pictures]


@pytest.mark.parametrize("every_s", [1.0, 2.0, 5.0])
def test_recordings_that_were_filled_up_with_straight_lines_are_one_track_around_each_corner(
    tmp_path: Path, every_s: float
) -> None:
    lines = flying(every_s, 90.0, 900.0, way=polygon)
    summary, pictures = run(tmp_path, lines)
    assert summary["tracks"] == 6
    off = [
        math.dist(row[1:3], polygon(k, 90.0, [picture["t"]])[0])
        for picture in pictures[20:880]
        for k, row in enumerate(sorted(picture["tracks"], key=lambda row: row[1]))
        if len(picture["tracks"]) == 6
    ]
    assert np.median(off) < 2.0 * SIGMA_M


def test_those_that_fly_together_are_told_apart_by_how_they_were_found_to_move(tmp_path: Path) -> None:
    lines = flying(5.0, 90.0, 900.0, way=formation)
    summary, pictures = run(tmp_path, lines)
    assert summary["tracks"] == 6
    names: list[list[int]] = [[] for _ in range(6)]
    for picture in pictures[20:880]:
        for k in range(6):
            place = formation(k, 90.0, [picture["t"]])[0]
            names[k].append(min(picture["tracks"], key=lambda row: math.dist(row[1:3], place))[0])
    kept = [max(map(one.count, set(one))) / len(one) for one in names]
    assert min(kept) > 0.9, kept


def test_a_crowd_a_few_lines_and_a_named_preset_are_taken_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    crowd = [
        json.dumps({"id": n, "t": float(n // 50), "sensor": "radar", "x": x, "y": y, "cov": [100.0, 0.0, 100.0]})
        for n, (x, y) in enumerate(random.uniform(0, 3000, (500, 2)).tolist())
    ]
    assert assume("auto", detections(crowd), Scenario()).name == "default"
    assert assume("auto", detections(flying(5.0, 90.0)[:10]), Scenario()).name == "default"
    assert assume("auto", [], Scenario()).name == "default"
    assert assume("vessel", detections(flying(5.0, 90.0)), Scenario()).name == "vessel"
    assert run(tmp_path, flying(5.0, 90.0), "--preset", "harbour")[0]["settings"] == "harbour"
    scattered = [
        Detection(id=n, t=60.0 * n, x=x, y=y, cov=(100.0, 0.0, 100.0))
        for n, (x, y) in enumerate(random.uniform(0, 1e6, (100, 2)).tolist())
    ]
    assert assume("auto", scattered, Scenario()).name == "default"  # nothing leads anywhere: these are false


def test_a_picture_knows_nothing_of_what_came_after_it(tmp_path: Path) -> None:
    lines = flying(3.0, 150.0)
    choice = ("--preset", "aircraft", "--no-smooth")
    _, whole = run(tmp_path, lines, *choice)
    early = [line for line in lines if json.loads(line)["t"] < 60.5]
    (tmp_path / "meta.json").write_text('{"dur": 120}')
    _, cut = run(tmp_path, early, *choice, "--meta", str(tmp_path / "meta.json"))
    assert cut[:60] == whole[:60]


def test_a_recording_is_smoothed_unless_it_is_a_dense_scene_or_taken_as_it_came(tmp_path: Path) -> None:
    lines = flying(2.0, 90.0, drop=0.2)
    smoothed = run(tmp_path, lines)[1]
    assert smoothed == run(tmp_path, lines, "--smooth")[1]
    before = run(tmp_path, lines, "--no-smooth")[1]
    assert len(smoothed) == len(before)
    assert _error(smoothed) < 0.6 * _error(before)
    default = run(tmp_path, lines, "--preset", "default")[1]
    assert default == run(tmp_path, lines, "--preset", "default", "--no-smooth")[1]
    files = ["--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    refused = CliRunner().invoke(main, ["track", *files, "--online", "--smooth"])
    assert refused.exit_code == 2
    assert "choose one" in refused.output


def _error(pictures: list[dict[str, Any]]) -> float:
    """Mean distance of what is shown from where the targets were, metres; they fly at 90 m/s."""
    off = []
    for picture in pictures[10:110]:
        exact = np.concatenate([course(k, 90.0, [picture["t"]]) for k in range(6)])
        off += [float(np.hypot(*(exact - row[1:3]).T).min()) for row in picture["tracks"]]
    return sum(off) / len(off)


def test_what_is_silent_is_no_longer_shown_and_what_comes_back_is_the_same(tmp_path: Path) -> None:
    lines = [line for line in flying(2.0, 60.0, drop=0.0) if not 60 < json.loads(line)["t"] < 100]
    summary, pictures = run(tmp_path, lines, "--no-smooth")
    assert pictures[90]["tracks"] == []
    assert {row[0] for row in pictures[-1]["tracks"]} == {row[0] for row in pictures[55]["tracks"]}
    assert summary["tracks"] == 6


def test_times_of_a_clock_begin_the_pictures_where_the_data_begins(tmp_path: Path) -> None:
    _, pictures = run(tmp_path, flying(1.0, 90.0, 30.0, begin=1_600_000_000.0))
    assert pictures[0]["t"] == 1_600_000_000.5
    assert len(pictures) <= 30
    assert len(pictures[-1]["tracks"]) == 6


def test_windows_hold_each_report_once_at_an_end_that_no_picture_precedes() -> None:
    found = detections(flying(5.0, 90.0))
    scenario = Scenario(sensors=(Sensor("adsb", pd=1.0, clutter_density=1.0),))
    offline = list(reports(found, scenario, {"adsb": 5.0}))
    online = list(arriving(found, scenario, {"adsb": 5.0}))
    for scans in ([scan for scan, _ in offline], [scan for _, scan, _ in online]):
        assert sum(len(scan.z) for scan in scans) == len(found)
        for scan in scans:
            assert ((scan.at <= scan.time) & (scan.at > scan.time - width_of(5.0) - 1e-9)).all()
            assert scan.detect < 1.0
            assert scan.clutter < 1e-9  # more than there can be was stated
    absurd = Detection(id=10_000, t=1e308, x=0.0, y=0.0, cov=(100.0, 0.0, 100.0), sensor="adsb")
    assert sum(refused for _, refused in reports([*found, absurd], scenario, {"adsb": 5.0})) == 1
    assert [scan.time for scan, _ in offline] == sorted(scan.time for scan, _ in offline)
