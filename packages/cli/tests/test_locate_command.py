"""`summit locate` as a person types it: every good line gets its fix, every bad one a message, memory stays bounded."""

import json
import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from summit_cli.cases import LONGEST_LINE, Case, read
from summit_cli.main import main
from summit_core.errors import InputError

FIRE = (36.5, -84.2)
DEGREE_M = 111_195.0
CAMERAS = [(36.45, -84.25), (36.52, -84.31), (36.58, -84.15), (36.44, -84.11)]


def bearing(camera: tuple[float, float], off_deg: float = 0.0, **changes: Any) -> dict[str, float]:
    """What a camera that is ``off_deg`` wrong says; good to 0.05 degrees over these distances."""
    north, east = FIRE[0] - camera[0], (FIRE[1] - camera[1]) * math.cos(math.radians((FIRE[0] + camera[0]) / 2))
    azimuth = math.degrees(math.atan2(east, north)) + off_deg
    return {"lat": camera[0], "lon": camera[1], "azimuth_deg": azimuth, "sigma_deg": 1.0} | changes


def case(identifier: str | int, *bearings: dict[str, float]) -> str:
    return json.dumps({"id": identifier, "bearings": bearings})


def run(tmp_path: Path, content: str | bytes, *options: str) -> tuple[Result, list[dict[str, Any]]]:
    (tmp_path / "cases.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    target = tmp_path / "fixes.jsonl"
    result = CliRunner().invoke(
        main, ["locate", "--input", str(tmp_path / "cases.jsonl"), "--output", str(target), *options]
    )
    return result, [json.loads(line) for line in target.read_text().splitlines()] if target.exists() else []


def off_m(place: dict[str, float]) -> float:
    east = (place["lon"] - FIRE[1]) * math.cos(math.radians(FIRE[0]))
    return DEGREE_M * math.hypot(place["lat"] - FIRE[0], east)


def test_a_fire_seen_by_four_is_located_and_one_that_looks_away_is_left_out(tmp_path: Path) -> None:
    agreed = case("agreed", *map(bearing, CAMERAS))
    three = case(7, bearing(CAMERAS[0], 360.0), *map(bearing, CAMERAS[1:3]), bearing(CAMERAS[3], 70.0))
    result, fixes = run(tmp_path, f"{agreed}\r\n\n{three}", "--json")
    assert result.exit_code == 0, result.output
    assert [fix["id"] for fix in fixes] == ["agreed", 7]
    for fix in fixes:
        best = fix["hypotheses"][0]
        assert off_m(best) < 200
        assert best.keys() == {"lat", "lon", "cov_m2", "weight"}
        (ee, en), (ne, nn) = best["cov_m2"]
        assert en == ne
        assert 0 < en * ne < ee * nn
    assert fixes[0] == {"id": "agreed", "ambiguous": False, "hypotheses": fixes[0]["hypotheses"]}
    summary = json.loads(result.stdout.splitlines()[-1])
    assert {name: summary[name] for name in ("cases", "located", "rejected")} == {
        "cases": 2,
        "located": 2,
        "rejected": 0,
    }
    assert 0 < summary["ms_per_case"] < 1000


def test_doubt_has_its_reason(tmp_path: Path) -> None:
    lines = (case("none"), case("one", bearing(CAMERAS[0])), case("apart", *(bearing(one, 180.0) for one in CAMERAS)))
    result, fixes = run(tmp_path, "\n".join(lines), "--json")
    assert [(fix["ambiguous"], fix["reason"], fix["hypotheses"]) for fix in fixes] == [
        (True, "too_few", []),
        (True, "too_few", []),
        (True, "no_crossing", []),
    ]
    assert json.loads(result.stdout)["ambiguous"] == 3


def test_a_bad_line_is_named_with_its_field_and_costs_no_other(tmp_path: Path) -> None:
    good = case("good", *map(bearing, CAMERAS))
    bad = {
        "{": "not JSON",
        "[]": "object",
        case("zero", bearing(CAMERAS[0], sigma_deg=0.0)): "bearings[0].sigma_deg",
        case("north", bearing(CAMERAS[0]), bearing(CAMERAS[1], lat=91.0)): "bearings[1].lat",
        case("nan", bearing(CAMERAS[0], azimuth_deg=math.nan)): "azimuth_deg: NaN",
        '{"bearings": []}': "id",
        '{"id": "x", "bearings": [{"lat": 1, "lon": 2, "sigma_deg": 1}]}': "bearings[0].azimuth_deg",
        '{"id": "x", "bearings": [{"lat": 1e999, "lon": 2, "azimuth_deg": 3, "sigma_deg": 1}]}': "lat",
        case("crowd", *[bearing(CAMERAS[0])] * 101): "bearings",
        "x" * (3 * LONGEST_LINE): f"more than {LONGEST_LINE} bytes",
        '{"a":' * 40_000: "nested",
    }
    content = "".join(f"{good}\n{line}\n" for line in bad).encode() + b'{"id":"\xff"}\n' + good.encode()
    result, fixes = run(tmp_path, content, "--json")
    assert result.exit_code == 1
    assert [fix["id"] for fix in fixes] == ["good"] * (len(bad) + 1)
    messages = result.stderr.splitlines()
    for number, (message, what) in enumerate(zip(messages, [*bad.values(), "not UTF-8"], strict=True)):
        assert message.startswith(f"line {2 * number + 2 if number < len(bad) else 2 * len(bad) + 1}: ")
        assert what in message
    summary = json.loads(result.stdout)
    assert (summary["cases"], summary["rejected"]) == (2 * len(bad) + 2, len(bad) + 1)


def test_from_stdin_to_stdout_with_the_summary_last() -> None:
    content = case("a", *map(bearing, CAMERAS)) + "\n"
    result = CliRunner().invoke(main, ["locate", "--input", "-", "--output", "-", "--json"], input=content)
    fix, summary = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, fix["id"], summary["cases"]) == (0, "a", 1)
    plain = CliRunner().invoke(main, ["locate", "--input", "-", "--output", "-"], input=content)
    assert json.loads(plain.stdout) == fix
    assert plain.stderr.startswith("cases 1, located 1, ")


def test_nothing_is_destroyed_by_a_wrong_name(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(case("a"))
    for arguments, code, text in (
        (["--input", str(file), "--output", str(file)], 2, "same file"),
        (["--input", str(tmp_path / "none"), "--output", "-"], 2, "does not exist"),
        (["--input", str(file), "--output", str(tmp_path / "none" / "x")], 1, "No such file"),
    ):
        result = CliRunner().invoke(main, ["locate", *arguments])
        assert (result.exit_code, text in result.stderr) == (code, True), result.stderr
    assert file.read_text() == case("a")


def test_an_empty_file_makes_an_empty_file(tmp_path: Path) -> None:
    result, fixes = run(tmp_path, "\n\n", "--json")
    assert (result.exit_code, fixes, (tmp_path / "fixes.jsonl").exists()) == (0, [], True)
    assert json.loads(result.stdout) == {"cases": 0, "located": 0, "ambiguous": 0, "rejected": 0, "ms_per_case": None}


class _Endless:
    """A stream without line ends that gives as much as is asked for."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readline(self, limit: int) -> bytes:
        given = min(limit, self.left)
        self.left -= given
        return b"x" * given


def test_memory_is_bounded_whatever_the_length_of_a_line() -> None:
    def outcomes() -> Iterator[tuple[int, Case | InputError]]:
        return read(cast(Any, _Endless(1024 * LONGEST_LINE)))

    tracemalloc.start()
    try:
        ((number, error),) = outcomes()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (number, isinstance(error, InputError)) == (1, True)
    assert peak < 8 * LONGEST_LINE


@pytest.mark.parametrize("azimuth", [-0.4, 360.4])
def test_noise_across_north_is_no_error(tmp_path: Path, azimuth: float) -> None:
    result, fixes = run(tmp_path, case("a", bearing(CAMERAS[0], azimuth_deg=azimuth)))
    assert (result.exit_code, len(fixes)) == (0, 1)
