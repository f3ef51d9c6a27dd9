"""The tracker on recordings of real sensors, through the code of bench/recordings.py."""

import math
from collections.abc import Iterator
from importlib import import_module
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
CUT_M = 100.0

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the recordings (../shared/data) are not beside this repository"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "bench"))
        yield import_module("recordings")


def gospa2(truth: Any, shown: Any) -> float:
    """GOSPA squared (p = 2, alpha = 2) of at most a few targets: every assignment tried."""
    few, many = sorted((truth, shown), key=len)
    half = CUT_M**2 / 2.0
    if not len(few):
        return half * len(many)
    squares = np.minimum(((few[:, None] - many[None]) ** 2).sum(2), CUT_M**2)
    best = min(
        sum(squares[row, column] for row, column in enumerate(way)) for way in permutations(range(len(many)), len(few))
    )
    return float(best + half * (len(many) - len(few)))


def test_the_same_seed_is_the_same_harm_and_the_same_tracks(bench: ModuleType) -> None:
    path, harm = DATA / "adsb" / "readsb_trace_full_ac671b.json", bench.Harm()
    first, second, other = (bench.reports(path, harm, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.z, second.z)
    assert not np.array_equal(first.z[:100], other.z[:100])
    assert np.array_equal(bench.owners(first, harm), bench.owners(second, harm))


def test_harm_is_what_it_says(bench: ModuleType) -> None:
    path = DATA / "adsb" / "calfire.json.gz"
    clean = bench.reports(path, bench.Harm(every_s=10.0, drop=0.0, burst_every_s=math.inf), 7)
    harmed = bench.reports(path, bench.Harm(every_s=10.0, sigma_m=50.0), 7)
    assert 0.84 < len(harmed.at) / len(clean.at) < 0.90  # a tenth, and 45 s of each 1,800 s
    assert np.std(harmed.z - harmed.true) == pytest.approx(50.0, rel=0.03)
    assert (np.diff(harmed.at) >= 0.0).all()


@pytest.mark.parametrize("name", ["readsb_trace_full_ac671b.json", "calfire.json.gz"])
def test_flights_keep_their_track(bench: ModuleType, name: str) -> None:
    harm = bench.Harm()
    seen = bench.reports(DATA / "adsb" / name, harm, 11)
    assert bench.identity_f1(seen.part, bench.owners(seen, harm)) >= 0.96


def test_identity_f1_by_hand(bench: ModuleType) -> None:
    truth = np.array([0, 0, 0, 0, 1, 1])
    assert bench.identity_f1(truth, truth + 5) == 1.0
    assert bench.identity_f1(truth, np.array([7, 7, 7, 8, 9, -1])) == pytest.approx(2 * 4 / 11)


def test_the_scans_of_autoferry(bench: ModuleType) -> None:
    """Transposed lists, single returns, bearings as a number or a list; own-ship frame; the truth by its own times."""
    near = dict.fromkeys((1, 2, 3, 4), 0)
    for scenario in bench.scenarios(DATA / "autoferry"):
        assert len(scenario.paths) == 2
        for scan in scenario.scans:
            assert scan.seen.shape == ((len(scan.seen), 2) if scan.sensor <= bench.RADAR else (len(scan.seen),))
            off = scenario.truth(scan.time)[1][:, :2] - scan.own
            if not len(scan.seen) or not len(off):
                continue
            if scan.sensor <= bench.RADAR:
                gap = np.hypot(*(scan.seen[None] - scan.own - off[:, None]).transpose(2, 0, 1))
                near[scan.sensor] += int((gap < 20.0).sum())
            else:
                turn = scan.seen[None] - np.arctan2(off[:, 0], off[:, 1])[:, None]
                near[scan.sensor] += int((np.abs((turn + math.pi) % (2 * math.pi) - math.pi) < 0.1).sum())
    assert all(count > 400 for count in near.values()), near


def test_bearings_make_the_picture_better(bench: ModuleType) -> None:
    errors = {False: list[float](), True: list[float]()}
    for scenario in bench.scenarios(DATA / "autoferry"):
        for cameras, found in errors.items():
            for row in bench.pictures(scenario, cameras):
                if row["t"] >= 5.0:
                    truth = scenario.truth(row["t"])[1][:, :2]
                    shown = np.array([track[1:3] for track in row["tracks"]]).reshape(-1, 2)
                    found.append(gospa2(truth, shown) / max(1, len(truth)))
    assert math.sqrt(np.mean(errors[True])) < math.sqrt(np.mean(errors[False])) < 45.0
