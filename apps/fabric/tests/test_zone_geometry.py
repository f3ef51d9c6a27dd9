"""Where a zone lies: inside and outside against the winding number, distances against other formulas, bad shapes."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from summit_core import wire
from summit_core.errors import InputError
from summit_core.geo import LocalFrame, destination, distance_m, wrap_longitude
from summit_core.model import Circle, ZoneDraft
from summit_fabric.zones.geometry import Box, Shape, ground_distance_m
from summit_fabric.zones.grid import Grid
from summit_fabric.zones.validate import check, first_crossing

SQUARE = ((0.0, 0.0), (0.02, 0.0), (0.02, 0.02), (0.0, 0.02), (0.0, 0.0))


def star(lat: float, lon: float, radii: list[float]) -> tuple[tuple[float, float], ...]:
    """A ring around a place: a radius in each direction, so it never crosses itself."""
    ring = []
    for number, radius in enumerate(radii):
        angle = 2 * math.pi * number / len(radii)
        ring.append((wrap_longitude(lon + radius * math.cos(angle)), lat + radius * math.sin(angle)))
    return (*ring, ring[0])


def winding(ring: tuple[tuple[float, float], ...], lat: float, lon: float) -> int:
    """How often the ring goes around the place, by the sum of angles."""
    total = 0.0
    around = [(wrap_longitude(x - lon), y - lat) for x, y in ring]
    for (ax, ay), (bx, by) in pairwise(around):
        total += math.atan2(ax * by - ay * bx, ax * bx + ay * by)
    return round(total / (2 * math.pi))


def shifted(ring: tuple[tuple[float, float], ...], east: float) -> tuple[tuple[float, float], ...]:
    return tuple((wrap_longitude(lon + east), lat) for lon, lat in ring)


radii = st.lists(st.floats(0.02, 1.0), min_size=3, max_size=40)
offsets = st.tuples(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))


@settings(max_examples=300)
@given(radii, offsets, st.floats(-80, 80), st.sampled_from([0.0, 179.8, -179.7, 65.3]), st.booleans())
def test_inside_is_what_the_winding_number_says(
    sizes: list[float], offset: tuple[float, float], lat: float, lon: float, reverse: bool
) -> None:
    ring = star(lat, lon, sizes)
    place = lat + offset[0], wrap_longitude(lon + offset[1])
    shape = Shape([ring[::-1] if reverse else ring], None)
    depth = shape.signed_distance(*place, 1e6)
    assume(abs(depth) > 0.01)
    assert (depth > 0) == (winding(ring, *place) != 0)
    assert math.isclose(shape.signed_distance(*place, 30.0), max(-30.0, min(30.0, depth)), abs_tol=1e-6)


@settings(max_examples=100)
@given(st.lists(st.floats(0.3, 1.0), min_size=3, max_size=40), offsets, st.floats(-70, 70))
def test_a_hole_is_outside_and_its_edge_is_a_boundary(
    sizes: list[float], offset: tuple[float, float], lat: float
) -> None:
    outer, hole = star(lat, 10.0, sizes), star(lat, 10.0, [0.5 * size for size in sizes])
    place = lat + offset[0], 10.0 + offset[1]
    of_outer, of_hole = (Shape([ring], None).signed_distance(*place, 1e6) for ring in (outer, hole))
    assume(min(abs(of_outer), abs(of_hole)) > 0.01)
    both = Shape([outer, hole], None).signed_distance(*place, 1e6)
    assert (both > 0) == (of_outer > 0 and of_hole < 0)
    assert math.isclose(abs(both), min(abs(of_outer), abs(of_hole)), rel_tol=1e-9)


@given(st.floats(-60, 60), st.floats(-180, 180), st.floats(0, 360), st.floats(0.2, 1.8), st.floats(5.0, 50_000.0))
def test_a_circle_is_as_far_as_it_says(lat: float, lon: float, bearing: float, part: float, radius: float) -> None:
    shape = Shape((), Circle(lat=lat, lon=lon, radius_m=radius))
    place = destination(lat, lon, bearing, part * radius)
    depth = shape.signed_distance(*place, 1e9)
    assert abs(depth - radius * (1 - part)) < 0.008 * radius * part + 0.01
    assert part > 0.99 or shape.box.holds(*place)


@pytest.mark.parametrize(("lat", "lon"), [(89.9, 0.0), (-89.95, 12.0), (10.0, 179.99)])
def test_a_circle_lies_over_a_pole_and_over_the_antimeridian(lat: float, lon: float) -> None:
    shape = Shape((), Circle(lat=lat, lon=lon, radius_m=30_000.0))
    for bearing in range(0, 360, 15):
        near, far = destination(lat, lon, bearing, 29_000.0), destination(lat, lon, bearing, 31_000.0)
        assert shape.signed_distance(*near, 5_000.0) > 0 > shape.signed_distance(*far, 5_000.0)
        assert shape.box.holds(*near)


@given(st.floats(-80, 80), st.floats(0, 360), st.floats(1.0, 90_000.0))
def test_ground_distance_agrees_with_the_sphere(lat: float, bearing: float, metres: float) -> None:
    there = destination(lat, 20.0, bearing, metres)
    assert abs(ground_distance_m(lat, 20.0, *there) / distance_m(lat, 20.0, *there) - 1) < 0.007


@given(radii, st.floats(-60, 60), st.floats(-60, 60), offsets)
def test_a_moved_box_holds_what_moved_with_it(
    sizes: list[float], lat: float, new_lat: float, offset: tuple[float, float]
) -> None:
    box = Shape([star(lat, 0.0, sizes)], None).box
    place = lat + offset[0], offset[1]
    metres = LocalFrame(lat, 0.0).to_enu(*place)
    there = LocalFrame(new_lat, 170.0).to_geodetic(*metres)
    moved = box.moved((lat, 0.0), (new_lat, 170.0))
    edge = min(abs(place[0] - box.south), abs(place[0] - box.north), abs(place[1] - box.west), abs(place[1] - box.east))
    assume(edge > 1e-6)
    assert moved.holds(*there) == box.holds(*place)


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3),
        st.tuples(st.floats(-180, 180), st.floats(-85, 80), st.floats(0, 40), st.floats(0, 5)),
        max_size=20,
    ),
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 179.99)), max_size=30),
)
def test_the_grid_misses_nothing(boxes: dict[str, tuple[float, ...]], places: list[tuple[float, float]]) -> None:
    grid, made = Grid(), {}
    for name, (west, south, wide, high) in boxes.items():
        made[name] = Box(west, south, west + wide, south + high)
        grid.put(name, made[name])
    for lat, lon in places:
        found = set(grid.at(lat, lon))
        assert {name for name, box in made.items() if box.holds(lat, lon)} <= found
        spot = Box(lon, lat, lon, lat)
        assert {name for name, box in made.items() if box.holds(lat, lon)} <= set(grid.near(spot))
    for name in made:
        grid.remove(name)
    assert not any(True for lat, lon in places for _ in grid.at(lat, lon))


def draft(**stated: Any) -> ZoneDraft:
    return wire.decode(wire.encode({"name": "z", "rule": "exclusion"} | stated), ZoneDraft)


def polygon(*rings: tuple[tuple[float, float], ...]) -> dict[str, Any]:
    return {"geometry": {"type": "Polygon", "coordinates": rings}}


def inner(west: float, south: float, size: float = 0.004) -> tuple[tuple[float, float], ...]:
    east, north = west + size, south + size
    return (west, south), (east, south), (east, north), (west, north), (west, south)


@pytest.mark.parametrize(
    ("stated", "field", "words"),
    [
        ({}, "geometry", "exactly one"),
        (polygon(SQUARE) | {"circle": {"lat": 0, "lon": 0, "radius_m": 5}}, "geometry", "exactly one"),
        (polygon(SQUARE[:-1]), "geometry.coordinates[0]", "not closed"),
        (polygon(((0, 0), (1, 1), (1, 0), (0, 1), (0, 0))), "geometry.coordinates[0]", "crosses itself"),
        (polygon(((0, 0), (2, 0), (1, 0), (1, 1), (0, 0))), "geometry.coordinates[0]", "crosses itself"),
        (polygon(((0, 0), (1, 0), (0, 0), (0, 0))), "geometry.coordinates[0]", "three different"),
        (polygon(((0, 0), (1e-7, 0), (0, 1e-7), (0, 0))), "geometry.coordinates", "less than 1 m²"),
        (polygon(((0, 89.5), (1, 89.5), (1, 88), (0, 89.5))), "geometry.coordinates[0]", "pole"),
        (polygon(((-180, 80), (-90, 80), (0, 80), (90, 80), (-180, 80))), "geometry.coordinates[0]", "around a pole"),
        (polygon(((-80, 0), (80, 0), (80, 10), (-80, 0))), "geometry.coordinates[0]", "wider than"),
        (polygon(SQUARE, inner(1, 1)), "geometry.coordinates[1]", "not inside"),
        (polygon(SQUARE, inner(0.018, 0.01)), "geometry.coordinates[1]", "crosses itself"),
        (polygon(SQUARE, inner(0.004, 0.004, 0.01), inner(0.006, 0.006)), "geometry.coordinates[2]", "overlaps"),
        ({"circle": {"lat": 0, "lon": 0, "radius_m": 50, "holes": [inner(0, 0)]}}, "circle.holes[0]", "not inside"),
        (polygon(SQUARE) | {"floor_m": 100, "ceiling_m": 100}, "ceiling_m", "not above"),
        (polygon(SQUARE) | {"anchor_at": [0, 0]}, "anchor", "anchor"),
        (polygon(SQUARE) | {"schedule": [{}]}, "schedule[0]", "says nothing"),
        (
            polygon(SQUARE) | {"schedule": [{"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}]},
            "schedule[0].end",
            "not after",
        ),
        (
            polygon(SQUARE) | {"schedule": [{"daily": {"begins": "22:00", "ends": "06:00", "days": [1, 1]}}]},
            "schedule[0].daily.days",
            "twice",
        ),
    ],
)
def test_a_shape_that_cannot_be_is_refused_with_its_field(stated: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        check(draft(**stated))
    assert refusal.value.field == field
    assert words in refusal.value.detail


@pytest.mark.parametrize(
    "stated",
    [
        polygon(SQUARE),
        polygon(SQUARE[::-1]),
        polygon(SQUARE, inner(0.004, 0.004), inner(0.012, 0.012)),
        polygon(shifted(SQUARE, 179.99)),
        polygon(shifted(SQUARE, 179.99), shifted(inner(0.004, 0.004, 0.012), 179.99)),
        {"circle": {"lat": 90, "lon": 0, "radius_m": 100_000}},
        {"circle": {"lat": 0.01, "lon": 0.01, "radius_m": 5_000, "holes": [inner(0, 0)]}},
        polygon(SQUARE) | {"schedule": [{"daily": {"begins": "22:00", "ends": "06:00", "days": [4, 5]}}]},
    ],
)
def test_a_good_shape_passes(stated: dict[str, Any]) -> None:
    good = draft(**stated)
    check(good)
    assert wire.decode(wire.encode(good), ZoneDraft) == good


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=4, max_size=12, unique=True))
def test_crossings_are_found_as_by_comparing_all_with_all(points: list[tuple[float, float]]) -> None:
    outline = [*points, points[0]]
    edges = list(pairwise(outline))

    def side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    sides = [side(*one, end) for one in edges for other in edges if other != one for end in other]
    assume(all(value == 0 or abs(value) > 1e-9 for value in sides))
    crossed = any(
        side(*one, other[0]) * side(*one, other[1]) < 0 and side(*other, one[0]) * side(*other, one[1]) < 0
        for one in edges
        for other in edges
    )
    assume(
        crossed
        or all(abs(side(*one, end)) > 1e-9 for one in edges for other in edges for end in other if end not in one)
    )
    assert (first_crossing([outline]) is not None) == crossed
