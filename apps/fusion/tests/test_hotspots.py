"""FIRMS files in every variant, and the fires that are made of them."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.errors import InputError
from summit_fusion.hotspots import cluster, fires_of, read
from summit_fusion.hotspots.outline import CELL_M, area_ha, rings, signed_area
from summit_fusion.hotspots.rows import Hotspots, when

VIIRS = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,bright_ti5,"
    "frp,daynight"
)
VIIRS_ROW = "36.45010,-84.25020,331.5,0.39,0.36,2025-08-01,{time},N,VIIRS,{confidence},2.0NRT,290.1,4.5,D"
VARIANTS = {
    "viirs": (VIIRS, VIIRS_ROW),
    "seven days": (VIIRS.replace("instrument,", ""), VIIRS_ROW.replace("VIIRS,", "")),
    "archive": (VIIRS + ",type", VIIRS_ROW + ",0"),
    "modis": (VIIRS.replace("bright_ti4", "brightness").replace("bright_ti5", "bright_t31"), VIIRS_ROW),
    "country column first": ("country_id," + VIIRS, "USA," + VIIRS_ROW),
    "byte order mark, CRLF": ("\ufeff" + VIIRS.upper() + "\r", VIIRS_ROW + "\r"),
}
NOON = 1_754_049_600.0  # 2025-08-01 12:00 UTC


def spots(*rows: tuple[float, float, float], size: float = 375.0, frp: float = 5.0) -> Hotspots:
    """Rows of latitude, longitude, seconds after noon."""
    table = np.array(rows, float).reshape(-1, 3)
    same = np.ones(len(table))
    lat, lon, at = table.T
    return Hotspots(
        lat, lon, at + NOON, size * same, size * same, frp * same, 330 * same, 0.5 * same, ["N"] * len(table)
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("time", "minutes"), [("112", 72), ("0112", 72), ("5", 5), ("2359", 1439), ("01:12", 72)])
@pytest.mark.parametrize(("confidence", "value"), [("n", 0.6), ("nominal", 0.6), ("h", 0.9), ("73", 0.73), ("0", 0.0)])
def test_every_variant_is_read(variant: str, time: str, minutes: int, confidence: str, value: float) -> None:
    header, row = VARIANTS[variant]
    found, problems = read(f"{header}\n{row.format(time=time, confidence=confidence)}\n".encode())
    assert problems == []
    assert len(found) == 1
    assert (found.lat[0], found.lon[0], found.frp_mw[0]) == (36.4501, -84.2502, 4.5)
    assert (found.scan_m[0], found.track_m[0]) == (390.0, 360.0)
    assert found.confidence[0] == value
    assert (when(found.at[0]) - when(NOON)).total_seconds() == 60 * minutes - 12 * 3600


@pytest.mark.parametrize(
    "body", ["Invalid MAP_KEY.", "Exceeding allowed transaction limit", "<html>Gateway</html>", ""]
)
def test_an_error_that_comes_as_a_file_is_told(body: str) -> None:
    with pytest.raises(InputError) as told:
        read(body.encode())
    assert body[:10] in told.value.detail or not body


def test_a_table_of_something_else_names_the_missing_column() -> None:
    with pytest.raises(InputError, match="acq_date"):
        read(b"latitude,longitude,depth\n1,2,3\n")


@pytest.mark.parametrize(
    ("field", "value"),
    [("latitude", "91"), ("longitude", "nan"), ("latitude", ""), ("scan", "0"), ("frp", "-3"), ("acq_time", "2460"),
     ("acq_time", "x"), ("acq_date", "2025-13-01"), ("confidence", "maybe"), ("confidence", "101")],
)  # fmt: skip
def test_a_bad_row_is_named_and_costs_no_other(field: str, value: str) -> None:
    good = VIIRS_ROW.format(time="112", confidence="n").split(",")
    bad = good.copy()
    bad[VIIRS.split(",").index(field)] = value
    found, problems = read("\n".join([VIIRS, ",".join(bad), ",".join(good), ",".join(good[:4])]).encode())
    assert len(found) == 1
    assert [(one.line, one.field) for one in problems] == [(2, field), (4, "row")]


def test_touching_footprints_are_one_fire_and_those_apart_are_two() -> None:
    step = 300.0 / 111_195.0
    line = [(40.0 + k * step, -120.0, 0.0) for k in range(5)]
    numbers = cluster(spots(*line, (40.0, -119.9, 0.0)))
    assert numbers.tolist() == [0, 0, 0, 0, 0, 1]


def test_a_pixel_at_the_edge_of_the_swath_reaches_further() -> None:
    pair = ((40.0, -120.0, 0.0), (40.0 + 700.0 / 111_195.0, -120.0, 0.0))
    assert len(set(cluster(spots(*pair, size=375.0)))) == 2
    assert len(set(cluster(spots(*pair, size=800.0)))) == 1


def test_a_fire_runs_between_two_passes_and_ends_after_a_long_silence() -> None:
    away = 40.0 + 1500.0 / 111_195.0
    assert len(set(cluster(spots((40.0, -120.0, 0.0), (away, -120.0, 60.0))))) == 2
    assert len(set(cluster(spots((40.0, -120.0, 0.0), (away, -120.0, 12 * 3600.0))))) == 1
    assert len(set(cluster(spots((40.0, -120.0, 0.0), (40.0, -120.0, 61 * 3600.0))))) == 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 90)), min_size=1, max_size=40),
       st.sampled_from([0.0, 45.0, -69.9]), st.randoms(use_true_random=False))  # fmt: skip
def test_the_grid_groups_as_looking_at_every_pair_does(rows: list[Any], at_lat: float, shuffle: Any) -> None:
    made = [(at_lat + a * 0.004, 100.0 + b * 0.006, h * 3600.0) for a, b, h in rows]
    found = spots(*made)
    parent = list(range(len(made)))

    def root(i: int) -> int:
        return i if parent[i] == i else root(parent[i])

    for i, (lat, lon, at) in enumerate(made):
        for j, (lat2, lon2, at2) in enumerate(made):
            run = min(1500.0, 0.05 * (at - at2))
            scale = 111_195.0 * np.cos(np.radians(lat))
            near = abs(lon - lon2) * scale <= 375 + run and abs(lat - lat2) * 111_195.0 <= 375 + run
            if 0 <= at - at2 <= 60 * 3600 and near:
                parent[root(i)] = root(j)
    expected = {frozenset(i for i in range(len(made)) if root(i) == r) for r in map(root, range(len(made)))}
    numbers = cluster(found)
    assert {frozenset(np.flatnonzero(numbers == n).tolist()) for n in set(numbers)} == expected
    order = list(range(len(made)))
    shuffle.shuffle(order)
    again = cluster(spots(*(made[k] for k in order)))
    assert {frozenset(order[k] for k in np.flatnonzero(again == n)) for n in set(again)} == expected


@settings(max_examples=100)
@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=40))
def test_the_outline_encloses_exactly_the_ground(cells: set[tuple[int, int]]) -> None:
    found = rings(cells)
    assert sum(map(signed_area, found)) == pytest.approx(10_000.0 * area_ha(cells))
    for ring in found:
        assert ring[0] == ring[-1]
        assert all((a[0] == b[0]) != (a[1] == b[1]) for a, b in pairwise(ring))


def test_a_growing_fire_tells_area_power_and_rate_of_each_pass() -> None:
    step = 375.0 / 111_195.0
    first = [(40.0, -120.0, 0.0), (40.0 + step, -120.0, 120.0)]
    later = [(40.0 + k * step, -120.0, 12 * 3600.0) for k in range(2, 6)]
    found = spots(*first, *later)
    (fire,) = fires_of(found, cluster(found))
    assert [one.spots for one in fire.growth] == [2, 4]
    assert [one.frp_mw for one in fire.growth] == [10.0, 20.0]
    pixel_ha = (375.0**2) / 10_000.0
    assert fire.growth[0].area_ha == pytest.approx(2 * pixel_ha, rel=0.35)
    assert fire.area_ha == pytest.approx(6 * pixel_ha, rel=0.2)
    assert fire.rate_ha_h == pytest.approx((fire.area_ha - fire.growth[0].area_ha) / (12 - 120 / 3600), abs=0.01)
    assert fire.confidence == pytest.approx(1 - 0.5**6, abs=1e-4)
    assert fire.satellites == ("N",)
    again = spots(*first, *later)
    assert next(fires_of(again, cluster(again))).id == fire.id


def test_a_ring_of_fire_has_a_hole() -> None:
    step, scale = 2 * CELL_M / 111_195.0, np.cos(np.radians(40.0))
    ring = [(40.0 + a * step, -120.0 + b * step / scale, 0.0) for a in range(6) for b in range(6) if {a, b} & {0, 5}]
    found = spots(*ring)
    (fire,) = fires_of(found, cluster(found))
    (polygon,) = fire.ground.polygons()
    outer, hole = (signed_area(list(part)) for part in polygon)
    assert outer > 0 > hole
