"""`summit track` as a person types it: detections in, the picture of each second out, bad lines named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from summit_cli.main import main

SPEED = 20.0


def detection(number: int, time: float, x: float, y: float, **changes: Any) -> str:
    return json.dumps(
        {"id": number, "t": time, "sensor": "radar", "x": x, "y": y, "cov": [100.0, 0.0, 100.0]} | changes
    )


def two_targets(seconds: int = 20) -> list[str]:
    """One goes east, one stays, 2 km apart; a sensor sees both each second, 10 m wrong."""
    random, lines = np.random.default_rng(1), []
    for second in range(seconds):
        for k, (x, y) in enumerate(((SPEED * second, 0.0), (0.0, 2000.0))):
            off = random.normal(0, 10, 2)
            lines.append(detection(2 * second + k, float(second), x + off[0], y + off[1]))
    return lines


def run(folder: Path, lines: list[str], *options: str) -> tuple[Result, list[dict[str, Any]]]:
    source, target = folder / "detections.jsonl", folder / "tracks.jsonl"
    source.write_text("\n".join(lines))
    result = CliRunner().invoke(main, ["track", "--input", str(source), "--output", str(target), *options])
    return result, [json.loads(line) for line in target.read_text().splitlines()] if target.exists() else []


def test_two_targets_become_two_tracks_with_place_and_speed(tmp_path: Path) -> None:
    lines = two_targets()
    result, pictures = run(tmp_path, lines[::-1])  # the order in the file does not matter
    assert result.exit_code == 0, result.output
    assert [picture["t"] for picture in pictures] == [0.5 + k for k in range(19)]
    last = sorted(pictures[-1]["tracks"], key=lambda row: row[2])
    assert len(last) == 2
    (_, x, y, vx, vy, cov), (_, x2, y2, *_) = last
    assert abs(x - SPEED * 18.5) < 30
    assert abs(y) < 30
    assert abs(vx - SPEED) < 5
    assert abs(vy) < 5
    assert len(cov) == 10
    assert abs(x2) < 30
    assert abs(y2 - 2000) < 30
    summary = json.loads(result.stdout.splitlines()[-1])
    figures = {"detections", "rejected", "tracker_cpu_s", "scan_ms_p50", "scan_ms_p99", "tracks"}
    assert summary.keys() == figures | {"settings"}
    assert (summary["detections"], summary["rejected"], summary["tracks"]) == (40, 0, 2)


def test_smoothed_when_asked_for_it_knows_the_first_picture_from_what_came_after(tmp_path: Path) -> None:
    result, pictures = run(tmp_path, two_targets(), "--smooth")
    assert result.exit_code == 0, result.output
    assert [picture["t"] for picture in pictures] == [0.5 + k for k in range(19)]
    for picture in pictures:
        (_, x, y, vx, vy, _), (_, x2, y2, *_) = sorted(picture["tracks"], key=lambda row: row[2])
        assert max(abs(x - SPEED * picture["t"]), abs(y), abs(x2), abs(y2 - 2000)) < 20
        assert max(abs(vx - SPEED), abs(vy)) < 5
    assert json.loads(result.stdout.splitlines()[-1])["tracks"] == 2


def test_the_sensors_of_the_meta_file_are_used(tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    meta.write_text(json.dumps({"dur": 5, "n": 2, "sensors": [{"name": "radar", "pd": 0.9, "clutter_density": 1e-8}]}))
    result, pictures = run(tmp_path, two_targets(), "--meta", str(meta))
    assert result.exit_code == 0, result.output
    assert [picture["t"] for picture in pictures] == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_bad_lines_are_named_and_cost_no_good_one(tmp_path: Path) -> None:
    bad = ["{", detection(900, 3.0, 0.0, 0.0, cov=[100.0, 0.0]), json.dumps({"id": 1, "t": 0.0}), "[]", "\xff"]
    nonsense = detection(901, 3.0, 10.0, 10.0, cov=[-1.0, 0.0, 1.0])
    result, pictures = run(tmp_path, [*bad, *two_targets(), nonsense])
    assert result.exit_code == 1
    assert "line 2: cov" in result.stderr
    assert "line 3:" in result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["detections"], summary["rejected"]) == (40, 6)
    assert len(pictures[-1]["tracks"]) == 2


def test_a_time_that_is_no_part_of_the_recording_is_named_and_makes_no_pictures(tmp_path: Path) -> None:
    absurd = [detection(1000, 1e12, 0.0, 0.0), detection(1001, -1e12, 0.0, 0.0)]
    result, pictures = run(tmp_path, [*two_targets(), *absurd])
    assert result.exit_code == 1
    assert "id 1000: t is 1e+12 s" in result.output and "id 1001" in result.output
    assert len(pictures) == 19
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["detections"], summary["rejected"]) == (40, 2)


def test_no_detections_is_an_empty_picture(tmp_path: Path) -> None:
    result, pictures = run(tmp_path, [])
    assert result.exit_code == 0, result.output
    assert pictures == []
    assert json.loads(result.stdout.splitlines()[-1])["scan_ms_p50"] is None


def test_a_wrong_meta_file_says_which_field(tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    meta.write_text('{"sensors": [{"name": "radar", "pd": 2}]}')
    result, _ = run(tmp_path, two_targets(2), "--meta", str(meta))
    assert result.exit_code == 1
    assert "pd" in result.output


def test_online_a_picture_knows_only_what_had_arrived(tmp_path: Path) -> None:
    late = [json.loads(line) for line in two_targets()]
    for one in late:
        one["t_rx"] = one["t"] + (2.9 if one["id"] % 7 == 3 else 0.02)
    lines, meta = [json.dumps(one) for one in late], tmp_path / "meta.json"
    meta.write_text(json.dumps({"sensors": [{"name": "radar", "clutter_density": 1e-8}]}))
    result, pictures = run(tmp_path, lines, "--online", "--meta", str(meta))
    assert result.exit_code == 0, result.output
    assert len(pictures[-1]["tracks"]) == 2
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["detections"], summary["too_late"], summary["tracks"]) == (40, 0, 2)
    arrived = [line for line, one in zip(lines, late, strict=True) if one["t_rx"] <= 10.5]
    cut, known = run(tmp_path, arrived, "--online", "--meta", str(meta))
    assert cut.exit_code == 0, cut.output
    assert known[9] == pictures[9]  # what came afterwards had no part in it


def test_online_what_is_older_than_the_window_is_counted(tmp_path: Path) -> None:
    lines = [*two_targets(), detection(900, 2.0, 40.0, 0.0, t_rx=15.0)]
    result, pictures = run(tmp_path, lines, "--online")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["too_late"] == 1
    assert len(pictures[-1]["tracks"]) == 2
